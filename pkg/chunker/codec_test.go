package chunker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/blake3"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write testdata/recipe-v0.bin anew")

// recipeOf is the recipe of data.
func recipeOf(p Params, data []byte) *Recipe {
	return &Recipe{
		Params: p, Size: int64(len(data)), Shard: Sum(data),
		CRC64NVME: CRC64NVME(data), CRC32C: CRC32C(data), Chunks: cutAll(p, data),
	}
}

// The golden recipe pins the boundaries as well as the encoding: 300,000 bytes, byte i being the top byte of
// (i+1)^3 * 0x9e3779b97f4a7c15 modulo 2^64, cut to 16 KiB on average.
func goldenRecipe() *Recipe {
	data := make([]byte, 300_000)
	for i := range data {
		n := uint64(i + 1)
		data[i] = byte(n * n * n * 0x9e3779b97f4a7c15 >> 56)
	}
	return recipeOf(ParamsFor(16<<10), data)
}

func TestGoldenRecipe(t *testing.T) {
	const file = "testdata/recipe-v0.bin"
	r := goldenRecipe()
	got, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the encoding or the boundaries are not those of %s", file)
	}
	decoded, err := DecodeRecipe(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, decoded); diff != "" {
		t.Error(diff)
	}
	if d, err := r.Digest(); err != nil || d != Sum(want[:len(want)-32]) {
		t.Errorf("digest %s, %v", d, err)
	}
}

func TestRecipeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := recipeOf(small, content(t))
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRecipe(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// seal makes the trailing checksum right again, so that a test reaches the checks behind it.
func seal(b []byte) []byte {
	sum := blake3.Sum256(b[:len(b)-32])
	copy(b[len(b)-32:], sum[:])
	return b
}

func TestDecodeRefusesEveryDamage(t *testing.T) {
	good, err := recipeOf(small, randomBytes(20000, 51)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := DecodeRecipe(good[:n]); !errors.Is(err, ErrRecipe) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[n] ^= 1 << bit
			if _, err := DecodeRecipe(b); !errors.Is(err, ErrRecipe) {
				t.Fatalf("bit %d of byte %d: %v", bit, n, err)
			}
		}
	}
	if _, err := DecodeRecipe(append(bytes.Clone(good), 0)); !errors.Is(err, ErrRecipe) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestDecodeRefusesSealedNonsense(t *testing.T) {
	good, err := recipeOf(small, randomBytes(20000, 51)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	for name, damage := range map[string]func([]byte){
		"version":                 func(b []byte) { b[8] = 1 },
		"unknown algorithm":       func(b []byte) { b[16] = 'x' },
		"bytes after algorithm":   func(b []byte) { b[31] = 'x' },
		"least above average":     func(b []byte) { le.PutUint64(b[32:], 5000) },
		"average 0":               func(b []byte) { le.PutUint64(b[40:], 0) },
		"most negative":           func(b []byte) { le.PutUint64(b[48:], 1<<63) },
		"most huge":               func(b []byte) { le.PutUint64(b[48:], 1<<40) },
		"size":                    func(b []byte) { le.PutUint64(b[56:], 20001) },
		"size negative":           func(b []byte) { le.PutUint64(b[56:], 1<<63) },
		"count one more":          func(b []byte) { le.PutUint64(b[104:], le.Uint64(b[104:])+1) },
		"count huge":              func(b []byte) { le.PutUint64(b[104:], 1<<62) },
		"count that wraps":        func(b []byte) { le.PutUint64(b[104:], le.Uint64(b[104:])+1<<62) },
		"count 0":                 func(b []byte) { le.PutUint64(b[104:], 0) },
		"empty chunk":             func(b []byte) { le.PutUint32(b[112:], 0) },
		"short chunk":             func(b []byte) { le.PutUint32(b[112:], 255) },
		"long chunk":              func(b []byte) { le.PutUint32(b[112:], 6001) },
		"lengths beyond the size": func(b []byte) { le.PutUint32(b[112:], le.Uint32(b[112:])+1) },
	} {
		b := bytes.Clone(good)
		damage(b)
		if _, err := DecodeRecipe(seal(b)); !errors.Is(err, ErrRecipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeRecipe(seal(bytes.Clone(good))); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

func TestDecodeAllocatesNoMoreThanItsInputJustifies(t *testing.T) {
	b, err := recipeOf(small, nil).Encode()
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint64(b[104:], 1<<40)
	seal(b)
	result := testing.Benchmark(func(t *testing.B) {
		for t.Loop() {
			if _, err := DecodeRecipe(b); err == nil {
				t.Fatal("accepted")
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 64<<10 {
		t.Errorf("%d bytes allocated for an input of %d", n, len(b))
	}
}

func TestEncodeRefusesContradictions(t *testing.T) {
	for name, change := range map[string]func(*Recipe){
		"params":      func(r *Recipe) { r.Algorithm = "" },
		"size":        func(r *Recipe) { r.Size++ },
		"gap":         func(r *Recipe) { r.Chunks[2].Offset++ },
		"empty chunk": func(r *Recipe) { r.Chunks[1].Length = 0 },
		"long chunk":  func(r *Recipe) { r.Chunks[1].Length = r.MaxBytes + 1 },
		"no chunks":   func(r *Recipe) { r.Chunks = nil },
	} {
		r := uniformRecipe(4)
		change(r)
		if _, err := r.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
		if _, err := r.Digest(); err == nil {
			t.Errorf("%s: has a digest", name)
		}
	}
}

func FuzzDecodeRecipe(f *testing.F) {
	for _, n := range []int{0, 1, 5000, 30000} {
		b, err := recipeOf(small, randomBytes(n, 52)).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 32 {
			b = seal(bytes.Clone(b)) // else nearly every input ends at the checksum
		}
		r, err := DecodeRecipe(b)
		if err != nil {
			if !errors.Is(err, ErrRecipe) {
				t.Fatal(err)
			}
			return
		}
		again, err := r.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("decodes to what encodes otherwise: %v", err)
		}
	})
}
