package chunker

import "fmt"

// PartSpan is a part made of whole chunks: Count of them from index First, Length bytes from Offset.
type PartSpan struct {
	First, Count   int
	Offset, Length int64
}

// End is the offset of the first byte after the part.
func (s PartSpan) End() int64 { return s.Offset + s.Length }

// SplitParts groups consecutive whole chunks into parts of about targetBytes, so that a part can be verified by itself
// and sent as one part of an upload. Every part but the last has at least minBytes, none has more than maxBytes, and
// there are at most maxParts; maxBytes and maxParts of 0 mean no limit. Where parts of targetBytes would be too many,
// they grow: S3 takes 10,000 parts, so 4.75 TiB need parts of 498 MiB. No chunks make no parts. It fails if the chunks
// are not consecutive or the limits cannot be met.
func SplitParts(chunks []Chunk, targetBytes, minBytes, maxBytes int64, maxParts int) ([]PartSpan, error) {
	if len(chunks) == 0 {
		return nil, nil
	}
	if targetBytes < 1 {
		return nil, fmt.Errorf("parts of %d bytes: want at least 1", targetBytes)
	}
	size := chunks[len(chunks)-1].End() - chunks[0].Offset
	want := max(targetBytes, minBytes)
	if maxBytes > 0 {
		want = max(min(want, maxBytes), minBytes) // with a minimum above the maximum there may be one part, the last
	}
	if maxParts > 0 {
		// Parts of at least ceil(size/maxParts), the last aside, can never be more than maxParts.
		want = max(want, (size-1)/int64(maxParts)+1)
	}
	tooTight := func(why string) error {
		return fmt.Errorf("%d bytes in %d chunks do not fit in at most %d parts of %d to %d bytes: %s; cut the shard into smaller chunks or choose another destination",
			size, len(chunks), maxParts, minBytes, maxBytes, why)
	}
	parts := make([]PartSpan, 0, size/want+1)
	open := PartSpan{Offset: chunks[0].Offset}
	for i, c := range chunks {
		if c.Length < 1 || c.Offset != open.End() {
			return nil, fmt.Errorf("chunk %d begins at byte %d and has %d bytes, want one that begins at byte %d", i, c.Offset, c.Length, open.End())
		}
		if maxBytes > 0 && c.Length > maxBytes {
			return nil, tooTight(fmt.Sprintf("chunk %d alone has %d", i, c.Length))
		}
		if maxBytes > 0 && open.Count > 0 && open.Length+c.Length > maxBytes {
			if open.Length < minBytes {
				return nil, tooTight(fmt.Sprintf("chunk %d makes a part too long, and without it the part is too short", i))
			}
			parts = append(parts, open)
			open = PartSpan{First: i, Offset: c.Offset}
		}
		open.Count++
		open.Length += c.Length
		if open.Length >= want {
			parts = append(parts, open)
			open = PartSpan{First: i + 1, Offset: c.End()}
		}
	}
	if open.Count > 0 {
		parts = append(parts, open)
	}
	if maxParts > 0 && len(parts) > maxParts {
		return nil, tooTight(fmt.Sprintf("%d parts came out", len(parts)))
	}
	return parts, nil
}
