package pack

import "github.com/klauspost/compress/zstd"

// checkZstd holds a frame's stored bytes to the format before they are decoded: one zstd frame and nothing else, that names the size of its content and
// needs no window beyond ours. The library alone would take several frames, frames to skip, and frames of any size.
func checkZstd(stored []byte, contentBytes int64) error {
	var h zstd.Header
	if err := h.Decode(stored); err != nil {
		return damaged("zstd: %v; %s", err, madeWrong)
	}
	switch {
	case h.Skippable:
		return damaged("zstd: a frame without content; %s", madeWrong)
	case !h.HasFCS || h.FrameContentSize != uint64(contentBytes):
		return damaged("zstd: a frame of %d bytes, not %d; %s", h.FrameContentSize, contentBytes, madeWrong)
	case h.DictionaryID != 0:
		return damaged("zstd: a frame with dictionary %d; %s", h.DictionaryID, madeWrong)
	case h.HasCheckSum:
		return damaged("zstd: a frame with a checksum; %s", madeWrong)
	case !h.SingleSegment && h.WindowSize > uint64(maxWindowBytes):
		return damaged("zstd: a window of %d bytes, the most is %d; %s", h.WindowSize, maxWindowBytes, madeWrong)
	}
	rest := stored[h.HeaderSize:]
	for {
		if len(rest) < 3 {
			return damaged("zstd: cut short; %s", madeWrong)
		}
		block := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16
		last, kind, size := block&1 == 1, block>>1&3, int(block>>3)
		const repeated = 1 // its size is that of the content, and one byte is stored
		if kind == repeated {
			size = 1
		}
		rest = rest[3:]
		if size > len(rest) {
			return damaged("zstd: cut short; %s", madeWrong)
		}
		rest = rest[size:]
		if last {
			break
		}
	}
	if len(rest) > 0 {
		return damaged("zstd: %d bytes behind the frame; %s", len(rest), madeWrong)
	}
	return nil
}
