package pack

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

var update = flag.Bool("update", false, "write the golden pack anew: only for a new version")

// cubes are the bytes of the golden pack: byte i is the top byte of (i+1)^3 * 0x9e3779b97f4a7c15 modulo 2^64.
func cubes(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		n := uint64(i + 1)
		data[i] = byte(n * n * n * 0x9e3779b97f4a7c15 >> 56)
	}
	return data
}

// goldenRuns are 3,000 cubes in chunks of 2,000 and 1,000 bytes; the decimal digits of 0 to 3,999, in chunks of 5,000; and
// two chunks of 4,000 cubes from the 10,001st with every 500th byte, the first included, made 0, against three old chunks of them.
func goldenRuns() [][]Chunk {
	content := cubes(18_000)
	var digits []byte
	for i := range 4000 {
		digits = append(digits, byte('0'+i/1000), byte('0'+i/100%10), byte('0'+i/10%10), byte('0'+i%10))
	}
	old := content[10_000:]
	fresh := bytes.Clone(old)
	for i := 0; i < len(fresh); i += 500 {
		fresh[i] = 0
	}
	olds := cut(old, 3000)
	delta := cut(fresh, 4000)
	delta[0].Base = []Old{{olds[0].Digest, olds[0].Data}, {olds[1].Digest, olds[1].Data}}
	delta[1].Base = []Old{{olds[1].Digest, olds[1].Data}, {olds[2].Digest, olds[2].Data}}
	return [][]Chunk{cut(content[:3000], 2000), cut(digits, 5000), delta}
}

const goldenFile = "testdata/pack-v1.bin"

// The golden pack must be readable for ever. What is written today may be another: it follows the compressor.
func TestGoldenPack(t *testing.T) {
	runs := goldenRuns()
	if *update {
		if err := os.WriteFile(goldenFile, packOf(t, Options{}, runs...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	checkRoundTrip(t, b, runs...)
	p, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		encoding      Encoding
		chunks, olds  int
		content, base int64
	}{{Raw, 2, 0, 3000, 0}, {Zstd, 4, 0, 16_000, 0}, {Delta, 2, 3, 8000, 8000}} {
		f := p.Frames[i]
		if f.Encoding != want.encoding || f.Count != want.chunks || len(f.Base) != want.olds || f.ContentBytes != want.content || sum(f.Base) != want.base {
			t.Errorf("frame %d: %+v, want %+v", i, f, want)
		}
	}
	if got := chunker.Sum(b).String(); got != goldenName {
		t.Errorf("%s is %s", goldenFile, got)
	}
}

const goldenName = "blake3:934cb0ba52eaded8c397b1f67643ac7bae1106b46dd0d37208e7963c7f4d76cf"

// The layout written a second time, straight from docs/format.md, and compared with the Writer's.
func TestLayout(t *testing.T) {
	one, two := []byte("the first chunk"), []byte("the second")
	stored := append(bytes.Clone(one), two...)
	var b []byte
	number := func(n uint32) { b = binary.LittleEndian.AppendUint32(b, n) }
	reference := func(data []byte) {
		d := chunker.Sum(data)
		b = append(b, d[:]...)
		number(uint32(len(data)))
	}
	b = append(b, "dgpackv1"...)
	number(1) // frames
	number(2) // entries
	number(0) // old chunks
	number(0) // raw
	number(25)
	number(chunker.CRC32C(stored))
	number(25)
	number(2)
	number(0)
	reference(one)
	reference(two)
	d := chunker.Sum(b)
	b = append(b, d[:]...)
	b = append(b, stored...)
	run := []Chunk{{Digest: chunker.Sum(one), Data: one}, {Digest: chunker.Sum(two), Data: two}}
	if got := packOf(t, Options{}, run); !bytes.Equal(got, b) {
		t.Errorf("got\n%x\nwant\n%x", got, b)
	}
}
