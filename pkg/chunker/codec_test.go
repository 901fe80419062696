package chunker

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/blake3"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden recipes anew: only for a new version")

// recipeOf is the recipe of data.
func recipeOf(p Params, data []byte) *Recipe {
	return &Recipe{
		Params: p, Size: int64(len(data)), Shard: Sum(data),
		CRC64NVME: CRC64NVME(data), CRC32C: CRC32C(data), Chunks: cutAll(p, data),
		Extra: []ExtraDigest{{"md5", sumOf(md5.New(), data)}, {"sha256", sumOf(sha256.New(), data)}},
	}
}

func sumOf(h hash.Hash, data []byte) []byte {
	_, _ = h.Write(data)
	return h.Sum(nil)
}

// cubes are the bytes of the golden recipes: byte i is the top byte of (i+1)^3 * 0x9e3779b97f4a7c15 modulo 2^64.
func cubes(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		n := uint64(i + 1)
		data[i] = byte(n * n * n * 0x9e3779b97f4a7c15 >> 56)
	}
	return data
}

// The golden recipes pin the boundaries as well as the encoding, for ever. v1 in their names is the recipe's version.
func TestGoldenRecipes(t *testing.T) {
	for name, r := range map[string]*Recipe{
		"plain": recipeOf(ParamsFor(AlgorithmPlain, 16<<10), cubes(300_000)),
		"tar":   recipeOf(ParamsFor(AlgorithmTarV1, 16<<10), goldenTar()),
		"tar-2": recipeOf(ParamsFor(AlgorithmTar, 16<<10), goldenTar()),
	} {
		t.Run(name, func(t *testing.T) { checkGolden(t, r, "testdata/recipe-v1-"+name+".bin") })
	}
}

// goldenTar are 40 samples of three members each, some of them small, cut short in the last one.
func goldenTar() []byte {
	var b archive
	content := cubes(1 << 20)
	for i := range 40 {
		name := fmt.Sprintf("train/%06d", i)
		b.member(name+".cls", content[:1+i%3])
		b.member(name+".jpg", content[:i*i*37%50_000])
		content = content[i*100:]
		b.member(name+".json", content[:200+i])
	}
	return b.bytes[:len(b.bytes)-700]
}

func checkGolden(t *testing.T, r *Recipe, file string) {
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

func TestOldRecipesAreNamedAsSuch(t *testing.T) {
	old, err := os.ReadFile("testdata/recipe-v0.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeRecipe(old); !errors.Is(err, ErrOldRecipe) || !errors.Is(err, ErrRecipe) {
		t.Errorf("version 0: %v", err)
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
		"version":                 func(b []byte) { b[8] = 2 },
		"unknown algorithm":       func(b []byte) { b[16] = 'x' },
		"bytes after algorithm":   func(b []byte) { b[31] = 'x' },
		"least above average":     func(b []byte) { le.PutUint64(b[32:], 5000) },
		"average 0":               func(b []byte) { le.PutUint64(b[40:], 0) },
		"most negative":           func(b []byte) { le.PutUint64(b[48:], 1<<63) },
		"most huge":               func(b []byte) { le.PutUint64(b[48:], 1<<40) },
		"size":                    func(b []byte) { le.PutUint64(b[56:], 20001) },
		"size negative":           func(b []byte) { le.PutUint64(b[56:], 1<<63) },
		"count one more":          func(b []byte) { le.PutUint64(b[104:], le.Uint64(b[104:])+1) },
		"digests one more":        func(b []byte) { le.PutUint64(b[112:], 3) },
		"digests huge":            func(b []byte) { le.PutUint64(b[112:], 1<<62) },
		"unknown digest":          func(b []byte) { b[120] = 'x' },
		"digests out of order":    func(b []byte) { copy(b[120:], "sha256\x00"); copy(b[200:], "md5\x00\x00\x00\x00") },
		"the same digest twice":   func(b []byte) { copy(b[200:280], b[120:200]) },
		"bytes behind a digest":   func(b []byte) { b[199] = 1 },
		"count huge":              func(b []byte) { le.PutUint64(b[104:], 1<<62) },
		"count that wraps":        func(b []byte) { le.PutUint64(b[104:], le.Uint64(b[104:])+1<<62) },
		"count 0":                 func(b []byte) { le.PutUint64(b[104:], 0) },
		"empty chunk":             func(b []byte) { le.PutUint32(b[280:], 0) },
		"short chunk":             func(b []byte) { le.PutUint32(b[280:], 1023) },
		"long chunk":              func(b []byte) { le.PutUint32(b[280:], 6001) },
		"lengths beyond the size": func(b []byte) { le.PutUint32(b[280:], le.Uint32(b[280:])+1) },
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
