package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// small is a pack with a frame of each encoding, and its runs.
func small(t tester) ([]byte, [][]Chunk) {
	old := corpus.Random(1, 3000)
	runs := [][]Chunk{
		cut(corpus.Random(2, 700), 300),
		cut(corpus.Text(3, 2000).Bytes()[:2000], 900),
		against(edited(old, 1500, 1), old, 1500),
	}
	b := packOf(t, Options{}, runs...)
	p, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Encoding{Raw, Zstd, Delta} {
		if p.Frames[i].Encoding != want {
			t.Fatalf("frame %d is %s", i, p.Frames[i].Encoding)
		}
	}
	return b, runs
}

func TestEveryDamageIsFound(t *testing.T) {
	good, runs := small(t)
	old := oldOf(runs...)
	for n := range good {
		if _, err := unpack(good[:n:n], old); !errors.Is(err, ErrPack) && n > 0 {
			// Cut within the frames, Open is content: the size tells.
			if p, openErr := Open(good[:n]); openErr != nil || p.Bytes != int64(len(good)) {
				t.Fatalf("cut to %d bytes: %v", n, err)
			}
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[n] ^= 1 << bit
			if _, err := unpack(b, old); !errors.Is(err, ErrPack) {
				t.Fatalf("bit %d of byte %d: %v", bit, n, err)
			}
		}
	}
}

// seal makes the digest of the tables and the checksums of the frames right again, so that a test reaches the checks behind.
func seal(b []byte) []byte {
	n, err := TablesBytes(b)
	if err != nil || n > int64(len(b)) {
		return b
	}
	le := binary.LittleEndian
	at := n
	for row := b[PrefixBytes:][:frameRowBytes*int64(le.Uint32(b[8:]))]; len(row) > 0; row = row[frameRowBytes:] {
		stored := int64(le.Uint32(row[4:]))
		if at+stored > int64(len(b)) {
			break
		}
		le.PutUint32(row[8:], chunker.CRC32C(b[at:][:stored]))
		at += stored
	}
	d := chunker.Sum(b[:n-tableDigestBytes])
	copy(b[n-tableDigestBytes:], d[:])
	return b
}

func TestSealedNonsenseIsRefused(t *testing.T) {
	good, runs := small(t)
	le := binary.LittleEndian
	const rows = int(PrefixBytes)
	entries := rows + 3*frameRowBytes
	count := int(le.Uint32(good[12:]))
	olds := entries + count*referenceRowBytes
	add := func(b []byte, at int, by int32) { le.PutUint32(b[at:], le.Uint32(b[at:])+uint32(by)) }
	for name, damage := range map[string]func([]byte){
		"another version":             func(b []byte) { b[7] = '2' },
		"no frames":                   func(b []byte) { le.PutUint32(b[8:], 0) },
		"more frames than chunks":     func(b []byte) { le.PutUint32(b[8:], uint32(count)+1) },
		"a frame fewer":               func(b []byte) { add(b, 8, -1) },
		"chunks huge":                 func(b []byte) { le.PutUint32(b[12:], 1<<31) },
		"a chunk fewer":               func(b []byte) { add(b, 12, -1) },
		"olds huge":                   func(b []byte) { le.PutUint32(b[16:], maxReferences+1) },
		"an old fewer":                func(b []byte) { add(b, 16, -1) },
		"unknown encoding":            func(b []byte) { le.PutUint32(b[rows:], 3) },
		"raw called zstd":             func(b []byte) { le.PutUint32(b[rows:], 1) },
		"zstd called delta":           func(b []byte) { le.PutUint32(b[rows+frameRowBytes:], 2) },
		"delta called zstd":           func(b []byte) { le.PutUint32(b[rows+2*frameRowBytes:], 1) },
		"raw longer than its content": func(b []byte) { add(b, rows+4, 1) },
		"zstd as long as its content": func(b []byte) { le.PutUint32(b[rows+frameRowBytes+4:], 2000) },
		"nothing stored":              func(b []byte) { le.PutUint32(b[rows+frameRowBytes+4:], 0) },
		"content one more":            func(b []byte) { add(b, rows+frameRowBytes+12, 1) },
		"content one less":            func(b []byte) { add(b, rows+frameRowBytes+12, -1) },
		"content none":                func(b []byte) { le.PutUint32(b[rows+frameRowBytes+12:], 0) },
		"content huge":                func(b []byte) { le.PutUint32(b[rows+frameRowBytes+12:], uint32(MaxFrameBytes)+1) },
		"a frame without chunks":      func(b []byte) { le.PutUint32(b[rows+16:], 0) },
		"a frame with all chunks":     func(b []byte) { le.PutUint32(b[rows+16:], uint32(count)) },
		"a frame with too many":       func(b []byte) { le.PutUint32(b[rows+16:], 1<<31) },
		"a base too many":             func(b []byte) { add(b, rows+2*frameRowBytes+20, 1) },
		"a base too few":              func(b []byte) { add(b, rows+2*frameRowBytes+20, -1) },
		"no base":                     func(b []byte) { le.PutUint32(b[rows+2*frameRowBytes+20:], 0) },
		"a base for raw":              func(b []byte) { le.PutUint32(b[rows+20:], 1) },
		"an empty chunk":              func(b []byte) { le.PutUint32(b[entries+32:], 0) },
		"a chunk one longer":          func(b []byte) { add(b, entries+32, 1) },
		"a chunk huge":                func(b []byte) { le.PutUint32(b[entries+32:], 1<<31) },
		"a boundary moved":            func(b []byte) { add(b, entries+32, 1); add(b, entries+referenceRowBytes+32, -1) },
		"another chunk":               func(b []byte) { b[entries]++ },
		"another chunk of the delta":  func(b []byte) { b[olds-referenceRowBytes]++ },
		"an empty old chunk":          func(b []byte) { le.PutUint32(b[olds+32:], 0) },
		"an old chunk huge":           func(b []byte) { le.PutUint32(b[olds+32:], uint32(MaxFrameBytes)+1) },
		"a stored byte":               func(b []byte) { b[len(b)-1]++ },
	} {
		b := bytes.Clone(good)
		damage(b)
		if _, err := unpack(seal(b), oldOf(runs...)); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBaseIsToBlame(t *testing.T) {
	good, runs := small(t)
	right := oldOf(runs...)
	first := runs[2][0].Base[0].Digest
	for name, old := range map[string]OldFunc{
		"missing": func(chunker.Digest, int64) ([]byte, error) { return nil, errFull },
		"shorter": func(d chunker.Digest, _ int64) ([]byte, error) {
			b, err := right(d, 0)
			return b[1:], err
		},
		"another": func(_ chunker.Digest, n int64) ([]byte, error) { return make([]byte, n), nil },
		"none":    nil,
	} {
		_, err := unpack(good, old)
		var base *BaseError
		if !errors.As(err, &base) || base.Old.Digest != first || errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "missing" && !errors.Is(err, errFull) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	// What the base is not needed for does not ask for it; a caller's error comes back as it is.
	p, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range p.Frames[:2] {
		if err := p.Decode(i, good[f.Offset:f.End()], nil, func(Entry, []byte) error { return nil }); err != nil {
			t.Error(err)
		}
		if err := p.Decode(i, good[f.Offset:f.End()], nil, func(Entry, []byte) error { return errFull }); !errors.Is(err, errFull) {
			t.Error(err)
		}
	}
	if err := p.Decode(3, nil, nil, nil); err == nil {
		t.Error("a frame that is none was decoded")
	}
}

// forged is a pack with one zstd frame that its tables say has the content's chunk.
func forged(stored []byte, content []byte) []byte {
	f := Encoded{Encoding: Zstd, Chunks: []Reference{{chunker.Sum(content), int64(len(content))}}, Stored: stored}
	return append(appendTables(nil, []Encoded{f}), stored...)
}

// libraryFrame is one as the library makes it when it is told nothing of ours.
func libraryFrame(t *testing.T, content []byte, o ...zstd.EOption) []byte {
	e, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(content, nil)
}

func TestBombsAndForeignFramesAreRefused(t *testing.T) {
	content := make([]byte, 100_000)
	plain := zstd.WithEncoderCRC(false)
	good := libraryFrame(t, content, plain)
	if _, err := unpack(forged(good, content), nil); err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	e, _ := zstd.NewWriter(&streamed, plain)
	_, _ = e.Write(content)
	_ = e.Flush() // so that the header is written before the size is known
	_ = e.Close()
	skipped := append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), good...)
	for name, stored := range map[string][]byte{
		"content longer than said":   libraryFrame(t, make([]byte, 100_001), plain),
		"content shorter than said":  libraryFrame(t, content[1:], plain),
		"64 MiB of zeros":            libraryFrame(t, make([]byte, 64<<20), plain),
		"size not told":              streamed.Bytes(),
		"a checksum":                 libraryFrame(t, content),
		"a dictionary with a number": libraryFrame(t, content, plain, zstd.WithEncoderDictRaw(7, content[:100])),
		"a frame to skip, then ours": skipped,
		"two frames":                 append(bytes.Clone(good), libraryFrame(t, nil, plain, zstd.WithZeroFrames(true))...),
		"a byte behind":              append(bytes.Clone(good), 0),
		"cut short":                  good[:len(good)-1],
		"no zstd":                    []byte("nonsense"),
	} {
		if len(stored) >= len(content) {
			// Tables that store more than the content are refused before; here it is the frame that should be.
			stored = stored[:len(content)-1]
		}
		_, err := unpack(forged(stored, content), nil)
		if !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Content that is longer than its header says: a repeated byte in blocks of 128 KiB, as often as one likes.
	header := good[:9]
	bomb := bytes.Clone(header)
	for range 1000 {
		bomb = append(bomb, 2, 0, 0x10, 0) // a repeated byte, 128 KiB
	}
	bomb = append(bomb, 3, 0, 0x10, 0)
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := unpack(forged(bomb, content), nil); !errors.Is(err, ErrPack) {
			t.Errorf("a bomb: %v", err)
		}
	})
	if allocated > 1000 {
		t.Errorf("a bomb: %v allocations", allocated)
	}
}

// A delta frame's dictionary does not reach into frames decoded after it.
func TestDictionaryIsForgotten(t *testing.T) {
	old := corpus.Random(1, 10_000)
	run := []Chunk{{chunker.Sum(old[1:]), old[1:], []Old{{chunker.Sum(old), old}}}}
	f := encode(t, Options{}, run)[0]
	if f.Encoding != Delta {
		t.Fatal(f.Encoding)
	}
	for range 20 { // the pool may give another decoder
		if _, err := unpack(packOf(t, Options{}, run), oldOf(run)); err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(forged(f.Stored, old[1:]), nil); !errors.Is(err, ErrPack) {
			t.Fatalf("a delta without its base: %v", err)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	good, _ := small(t)
	for want, b := range map[string][]byte{
		"upgrade datagravity": append([]byte("dgpackv2"), good[8:]...),
		"read at least 20":    good[:19],
		"read more of it":     good[:100],
		"fetch it again":      append(bytes.Clone(good[:50]), make([]byte, len(good)-50)...),
	} {
		if _, err := Open(b); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if got := fmt.Sprint(Raw, Zstd, Delta, Encoding(9), DefaultLevel, Fastest, Better, Best, Level(9)); got != "raw zstd delta encoding 9 default fastest better best level 9" {
		t.Error(got)
	}
}
