package chunker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/blake3"
	luke "lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker/internal/lanes"
)

// inParts sums data part by part, in an order of its own.
func inParts(data []byte, partBytes int, seed uint64) []PartSums {
	n := max(1, (len(data)+partBytes-1)/partBytes)
	parts := make([]PartSums, n)
	for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(n) {
		at := i * partBytes
		parts[i] = SumPart(data[at:min(len(data), at+partBytes)], int64(at), n == 1)
	}
	return parts
}

func checkSums(t testing.TB, data []byte, partBytes int) {
	t.Helper()
	parts := inParts(data, partBytes, uint64(len(data)))
	got, err := CombineParts(parts, int64(partBytes), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := Sums{Size: int64(len(data)), Shard: blake3.Sum256(data), CRC64NVME: CRC64NVME(data), CRC32C: CRC32C(data)}
	if want.Shard != luke.Sum256(data) {
		t.Fatalf("%d bytes: the two libraries disagree", len(data))
	}
	if !cmp.Equal(got, want) {
		t.Fatalf("%d bytes in parts of %d:\n got %+v\nwant %+v", len(data), partBytes, got, want)
	}
	cvs := make([]PartCV, len(parts))
	for i := range parts {
		at := i * partBytes
		cvs[i] = PartDigest(data[at:min(len(data), at+partBytes)], int64(at), len(parts) == 1)
	}
	if root, err := RootDigest(cvs, int64(partBytes), int64(len(data))); err != nil || root != want.Shard {
		t.Fatalf("%d bytes in parts of %d: root %s, %v", len(data), partBytes, root, err)
	}
}

// The block in which the checksums go ahead of the tree changes no sum.
func TestSumsDoNotDependOnTheBlock(t *testing.T) { eachTree(t, anyBlock) }

func anyBlock(t *testing.T) {
	for _, size := range []int{1, 16 << 10, 64 << 10, 200_001} {
		data := randomBytes(size, 22)
		want := PartSums{CV: PartDigest(data, 0, true), CRC64NVME: CRC64NVME(data), CRC32C: CRC32C(data)}
		for block := 16 << 10; block <= 1<<20; block *= 2 {
			if got := sumPart(data, 0, true, block); got != want {
				t.Errorf("%d bytes in blocks of %d: %+v, want %+v", size, block, got, want)
			}
		}
	}
}

// eachTree runs a test with each implementation of the tree's nodes that this machine has.
func eachTree(t *testing.T, test func(t *testing.T)) {
	usual := eightWide
	defer func() { eightWide = usual }()
	for _, wide := range []bool{false, true} {
		if wide && !lanes.Available {
			continue
		}
		eightWide = wide
		t.Run(fmt.Sprintf("wide=%t", wide), test)
	}
}

func TestPartsMakeTheDigestOfTheWhole(t *testing.T) { eachTree(t, partsMakeTheDigest) }

func partsMakeTheDigest(t *testing.T) {
	data := randomBytes(1<<20+1, 21)
	for _, n := range []int{
		0, 1, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 16383, 16384, 16385, 32768, 32769, 49152, 65535,
		65536, 65537, 131072, 1<<20 - 1, 1 << 20, 1<<20 + 1,
	} {
		for _, part := range []int{1024, 2048, 16384, 65536, 1 << 20, 1 << 21} {
			checkSums(t, data[:n], part)
		}
	}
}

// Up to twice what is joined on the stack, whole leaves and not.
func TestEveryNumberOfLeaves(t *testing.T) {
	eachTree(t, func(t *testing.T) {
		data := randomBytes(2*wideBytes+1, 24)
		for n := guts.ChunkSize; n < len(data); n += guts.ChunkSize {
			for _, size := range []int{n - 1, n, n + 1} {
				if got, want := Digest(PartDigest(data[:size], 0, true)), Digest(blake3.Sum256(data[:size])); got != want {
					t.Errorf("%d bytes: %s, want %s", size, got, want)
				}
			}
		}
	})
}

func TestPartsOfRandomSizes(t *testing.T) { eachTree(t, randomParts) }

func randomParts(t *testing.T) {
	data := randomBytes(3<<20, 22)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 5000), rapid.IntRange(0, len(data))).Draw(t, "bytes")
		part := 1 << rapid.IntRange(10, 22).Draw(t, "part")
		if n/part > 300 {
			n = part * 300
		}
		at := rapid.IntRange(0, len(data)-n).Draw(t, "at")
		parts := inParts(data[at:at+n], part, 5)
		got, err := CombineParts(parts, int64(part), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		whole := data[at : at+n]
		if want := (Sums{Size: int64(n), Shard: blake3.Sum256(whole), CRC64NVME: CRC64NVME(whole), CRC32C: CRC32C(whole)}); !cmp.Equal(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// Leaf numbers above 32 bits (shards above 4 TiB) are beyond any test that hashes a whole shard, so here the vector code is
// compared with a tree made leaf by leaf.
func TestLeafNumbersBeyond32Bits(t *testing.T) { eachTree(t, beyond32Bits) }

func beyond32Bits(t *testing.T) {
	data := randomBytes(40*1024+100, 23)
	for _, offset := range []int64{1<<42 - 32<<10, 1 << 42, 1<<52 + 1<<42} {
		var slow func(b []byte, leaf int64) guts.Node
		slow = func(b []byte, leaf int64) guts.Node {
			if len(b) <= 1024 {
				return guts.CompressChunk(b, &guts.IV, uint64(leaf), 0)
			}
			left := 1024
			for left*2 < len(b) {
				left *= 2
			}
			l, r := slow(b[:left], leaf), slow(b[left:], leaf+int64(left/1024))
			return guts.ParentNode(guts.ChainingValue(l), guts.ChainingValue(r), &guts.IV, 0)
		}
		want := PartCV(wordsToBytes(guts.ChainingValue(slow(data, offset/1024))))
		if got := PartDigest(data, offset, false); !cmp.Equal(got, want) {
			t.Errorf("offset %d: %x, want %x", offset, got, want)
		}
	}
}

func TestRootDigestRefusesWrongCounts(t *testing.T) {
	for _, tc := range []struct {
		cvs             int
		partBytes, size int64
	}{
		{0, 1024, 0}, {2, 1024, 0}, {2, 1024, 1024}, {1, 1024, 1025}, {3, 1024, 2048},
		{1, 1000, 10}, {1, 512, 10}, {1, 0, 10}, {1, -1024, 10}, {1, 3072, 10}, {1, 1024, -1},
	} {
		if d, err := RootDigest(make([]PartCV, tc.cvs), tc.partBytes, tc.size); err == nil {
			t.Errorf("%+v: %s", tc, d)
		}
		if s, err := CombineParts(make([]PartSums, tc.cvs), tc.partBytes, tc.size); err == nil {
			t.Errorf("%+v: %v", tc, s)
		}
	}
}

func TestPartAtOddOffsetPanics(t *testing.T) {
	for _, offset := range []int64{1, 1023, 1025, -1024} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("offset %d: no panic", offset)
				}
			}()
			PartDigest([]byte{1}, offset, false)
		}()
	}
}

func TestSummingFullPartsDoesNotAllocate(t *testing.T) {
	part := randomBytes(1<<20, 24)
	if n := testing.AllocsPerRun(5, func() { SumPart(part, 1<<20, false) }); n != 0 {
		t.Errorf("%v allocations a part", n)
	}
}

func TestPartSumsSurviveJSON(t *testing.T) {
	want := SumPart(randomBytes(5000, 25), 1024, false)
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got PartSums
	if err := json.Unmarshal(b, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
	for _, bad := range []string{"", "00", string(make([]byte, 64))} {
		if new(PartCV).UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for a chaining value", bad)
		}
	}
}
