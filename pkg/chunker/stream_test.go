package chunker

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// streamed collects what Stream gives.
func streamed(t *testing.T, r io.Reader, p Params, workers int) (Sums, []Chunk) {
	t.Helper()
	var chunks []Chunk
	sums, err := Stream(r, p, Options{Workers: workers, Extra: []string{"sha256", "md5"}}, func(c Chunk) error {
		chunks = append(chunks, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums, chunks
}

func TestStreamAndWholeAgreeWithACutter(t *testing.T) {
	var tar archive
	for i := range 30 {
		tar.member(string(rune('a'+i))+".jpg", randomBytes(i*i*300, byte(i)))
	}
	shards := map[string][]byte{
		"empty": nil, "one byte": {7}, "one block": randomBytes(feedBlockBytes, 1), "three blocks": randomBytes(3*feedBlockBytes, 2),
		"and a bit": randomBytes(3*feedBlockBytes+1, 3), "zeros": make([]byte, 5<<20), "tar": tar.bytes,
	}
	for name, data := range shards {
		for _, p := range []Params{DefaultParams(), ParamsFor(AlgorithmPlain, 4<<10), ParamsFor(AlgorithmTar, 1<<20)} {
			r := recipeOf(p, data)
			want := Sums{Size: r.Size, Shard: r.Shard, CRC64NVME: r.CRC64NVME, CRC32C: r.CRC32C, Extra: r.Extra}
			for _, workers := range []int{1, 2, 5} {
				for reader, in := range map[string]io.Reader{"plain": bytes.NewReader(data), "halves": iotest.HalfReader(bytes.NewReader(data)), "early EOF": iotest.DataErrReader(bytes.NewReader(data))} {
					sums, chunks := streamed(t, in, p, workers)
					if !cmp.Equal(want, sums) || !cmp.Equal(r.Chunks, chunks) {
						t.Errorf("%s, %d bytes on average, %d workers, %s: %s", name, p.AvgBytes, workers, reader, cmp.Diff(want, sums)+cmp.Diff(r.Chunks, chunks))
					}
				}
				var chunks []Chunk
				sums, err := Whole(data, p, Options{Workers: workers, Extra: ExtraAlgorithms()}, func(c Chunk) error {
					chunks = append(chunks, c)
					return nil
				})
				if err != nil || !cmp.Equal(want, sums) || !cmp.Equal(r.Chunks, chunks) {
					t.Errorf("whole %s, %d workers: %v", name, workers, err)
				}
			}
		}
	}
}

func TestStreamEndsWithTheFirstError(t *testing.T) {
	data := randomBytes(4<<20, 1)
	broken := errors.New("broken")
	for _, workers := range []int{1, 3} {
		r := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))
		if _, err := Stream(r, DefaultParams(), Options{Workers: workers}, func(Chunk) error { return nil }); !errors.Is(err, broken) {
			t.Errorf("%d workers, reader: %v", workers, err)
		}
		calls := 0
		_, err := Stream(bytes.NewReader(data), DefaultParams(), Options{Workers: workers}, func(Chunk) error {
			calls++
			return broken
		})
		if !errors.Is(err, broken) || calls != 1 {
			t.Errorf("%d workers, emit: %v after %d calls", workers, err, calls)
		}
	}
	if _, err := Stream(nil, Params{}, Options{Workers: 2}, nil); err == nil {
		t.Error("no parameters: no error")
	}
	if _, err := Whole(nil, DefaultParams(), Options{Workers: 2, Extra: []string{"sha1"}}, nil); err == nil {
		t.Error("unknown digest: no error")
	}
	if _, err := Whole(nil, DefaultParams(), Options{Workers: -1}, nil); err == nil {
		t.Error("-1 workers: no error")
	}
}
