package lanes_test

import (
	"math/rand/v2"
	"testing"

	"lukechampine.com/blake3/guts"

	"github.com/datagravity/datagravity/pkg/chunker/internal/lanes"
)

func needed(t testing.TB) {
	t.Helper()
	if !lanes.Available {
		t.Skip("this processor has no AVX2")
	}
}

// Leaves are those of another implementation, also where their numbers pass 32 bits, at any alignment.
func TestLeaves(t *testing.T) {
	needed(t)
	r := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, lanes.Count*lanes.LeafBytes+64)
	for _, first := range []uint64{0, 1, 8, 12345, 1<<32 - 8, 1<<32 - 3, 1 << 32, 1<<54 - 8} {
		for shift := range 64 {
			_, _ = r.Read(buf) // never fails
			data := (*[lanes.Count * lanes.LeafBytes]byte)(buf[shift:])
			var got [lanes.Count]lanes.CV
			lanes.Leaves(&got, data, first)
			for i := range got {
				leaf := data[i*lanes.LeafBytes : (i+1)*lanes.LeafBytes]
				if want := guts.ChainingValue(guts.CompressChunk(leaf, &guts.IV, first+uint64(i), 0)); got[i] != want {
					t.Fatalf("leaf %d+%d, shifted by %d: %08x, want %08x", first, i, shift, got[i], want)
				}
			}
		}
	}
}

// Parents are those of another implementation, also where they replace their children.
func TestParents(t *testing.T) {
	needed(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var children [2 * lanes.Count]lanes.CV
		for i := range children {
			for j := range children[i] {
				children[i][j] = r.Uint32()
			}
		}
		var want, got [lanes.Count]lanes.CV
		for i := range want {
			want[i] = guts.ChainingValue(guts.ParentNode(children[2*i], children[2*i+1], &guts.IV, 0))
		}
		if lanes.Parents(&got, &children); got != want {
			t.Fatalf("got %08x, want %08x", got, want)
		}
		if lanes.Parents((*[lanes.Count]lanes.CV)(children[:lanes.Count]), &children); [lanes.Count]lanes.CV(children[:lanes.Count]) != want {
			t.Fatalf("in place: got %08x, want %08x", children[:lanes.Count], want)
		}
	}
}

func BenchmarkLeaves(b *testing.B) {
	needed(b)
	data := new([lanes.Count * lanes.LeafBytes]byte)
	var out [lanes.Count]lanes.CV
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		lanes.Leaves(&out, data, 0)
	}
}

// BenchmarkLeavesOfGuts is the same work by the library that the rest of the tree is made with.
func BenchmarkLeavesOfGuts(b *testing.B) {
	var data [guts.MaxSIMD * guts.ChunkSize]byte
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		guts.CompressBuffer(&data, len(data), &guts.IV, 0, 0)
	}
}
