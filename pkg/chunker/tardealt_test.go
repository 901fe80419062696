package chunker

import (
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
)

// When all members are dealt out anew, so many millionths of the bytes are in chunks that no shard had before. Another number means that
// an algorithm does other than it did. What is new are members below 32 KiB by tar-v1, below 16 KiB by tar-v2, that stood beside
// another one or stand beside one now. Of SmallTar they are 7 and 2 in 10.
func TestMembersDealtOutAnew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func(seed uint64, sizeBytes int64) *corpus.Corpus
		v1, v2 int64
	}{
		{"20 to 200 KiB", corpus.Tar, 1434, 0},
		{"samples of three members", corpus.WebDataset, 1656, 0},
		{"10 to 40 KiB", corpus.SmallTar, 565_363, 43_977},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var shards []*corpus.Corpus
			var before [][]byte
			for seed := range uint64(4) {
				shards = append(shards, tt.make(seed, 16<<20))
				before = append(before, shards[seed].Bytes())
			}
			after := corpus.Shuffle(7, shards)
			for algorithm, want := range map[string]int64{AlgorithmTarV1: tt.v1, AlgorithmTar: tt.v2} {
				p := ParamsFor(algorithm, 64<<10)
				if got := newMillionths(t, p, before, p, after); got != want {
					t.Errorf("%s: %d millionths are new, want %d", algorithm, got, want)
				}
			}
		})
	}
}

// Old shards cut by tar-v1 and new ones by tar-v2 share the samples that are chunks of their own by both: nearly all, but where many are
// smaller than 32 KiB. So many millionths of a shard are new by tar-v2 beside tar-v1 if nothing changed; and if a member in a hundred is
// replaced: by tar-v1, by tar-v2, and by tar-v2 beside an old one by tar-v1.
func TestBothAlgorithmsShareChunks(t *testing.T) {
	for _, tt := range []struct {
		name             string
		make             func(seed uint64, sizeBytes int64) *corpus.Corpus
		same, v1, v2, to int64
	}{
		{"20 to 200 KiB", corpus.Tar, 1647, 8869, 8869, 10_520},
		{"samples of three members", corpus.WebDataset, 0, 12_614, 12_614, 12_614},
		{"10 to 40 KiB", corpus.SmallTar, 494_157, 27_972, 11_281, 500_831},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.make(1, 64<<20)
			old := [][]byte{c.Bytes()}
			edited, _ := c.Replace(2, 0.01)
			v1, v2 := ParamsFor(AlgorithmTarV1, 64<<10), ParamsFor(AlgorithmTar, 64<<10)
			for _, cut := range []struct {
				before, after Params
				data          []byte
				want          int64
			}{{v1, v2, old[0], tt.same}, {v1, v1, edited, tt.v1}, {v2, v2, edited, tt.v2}, {v1, v2, edited, tt.to}} {
				if got := newMillionths(t, cut.before, old, cut.after, [][]byte{cut.data}); got != cut.want {
					t.Errorf("%s, then %s: %d millionths are new, want %d", cut.before, cut.after, got, cut.want)
				}
			}
		})
	}
}

// newMillionths is the share of after, cut by q, in chunks that before, cut by p, does not have.
func newMillionths(t *testing.T, p Params, before [][]byte, q Params, after [][]byte) int64 {
	t.Helper()
	cut := func(p Params, shards [][]byte, emit func(Chunk)) {
		for _, data := range shards {
			if _, err := Whole(data, p, Options{Workers: 1}, func(c Chunk) error { emit(c); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	have := map[Digest]bool{}
	cut(p, before, func(c Chunk) { have[c.Digest] = true })
	var fresh, total int64
	cut(q, after, func(c Chunk) {
		if total += c.Length; !have[c.Digest] {
			fresh += c.Length
		}
	})
	return fresh * 1e6 / total
}
