package pack

import (
	"bytes"
	"os"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// FuzzDecode feeds packs with broken tables and frames; seal lets what the digest and the checksums would stop come further.
func FuzzDecode(f *testing.F) {
	good, runs := small(f)
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		f.Fatal(err)
	}
	old := oldOf(append(runs, goldenRuns()...)...)
	for _, b := range [][]byte{good, golden, good[:len(good)-1], good[:PrefixBytes], {}, []byte("dgpackv2")} {
		f.Add(b, true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			b = seal(bytes.Clone(b))
		}
		p, err := Open(b)
		if err != nil {
			return
		}
		for i, fr := range p.Frames {
			if fr.End() > int64(len(b)) {
				return
			}
			next := fr.First
			err := p.Decode(i, b[fr.Offset:fr.End()], old, func(e Entry, data []byte) error {
				if e != p.Entries[next] || chunker.Sum(data) != e.Digest || int64(len(data)) != e.Length {
					t.Errorf("entry %+v came with %d other bytes", e, len(data))
				}
				next++
				return nil
			})
			if err == nil && next != fr.First+fr.Count {
				t.Errorf("frame %d: %d of %d chunks", i, next-fr.First, fr.Count)
			}
		}
	})
}

// FuzzZstd feeds a decoder what is not a pack's fault to carry: any stored bytes for a content of any size.
func FuzzZstd(f *testing.F) {
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		f.Fatal(err)
	}
	p, err := Open(golden)
	if err != nil {
		f.Fatal(err)
	}
	for _, fr := range p.Frames {
		f.Add(golden[fr.Offset:fr.End()], []byte{}, uint32(fr.ContentBytes))
		f.Add(golden[fr.Offset:fr.End()], cubes(18_000)[10_000:], uint32(fr.ContentBytes))
	}
	f.Fuzz(func(t *testing.T, stored, base []byte, size uint32) {
		fr := &Frame{Encoding: Zstd, StoredBytes: int64(len(stored)), ContentBytes: 1 + int64(size)%(1<<20)}
		if len(base) > 0 {
			fr.Encoding, fr.Base = Delta, []Reference{{chunker.Sum(base), int64(len(base))}}
		}
		d := decompressors.Get().(*decompressor)
		defer decompressors.Put(d)
		content, err := d.content(fr, stored, func(chunker.Digest, int64) ([]byte, error) { return base, nil })
		if err == nil && int64(len(content)) != fr.ContentBytes {
			t.Errorf("%d bytes of %d", len(content), fr.ContentBytes)
		}
	})
}
