package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// tester is what both testing and rapid have.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// cut makes chunks of n bytes.
func cut(data []byte, n int) (list []Chunk) {
	for len(data) > 0 {
		m := min(n, len(data))
		list = append(list, Chunk{Digest: chunker.Sum(data[:m]), Data: data[:m:m]})
		data = data[m:]
	}
	return list
}

// against gives each chunk the old bytes at its place as base.
func against(fresh, old []byte, n int) []Chunk {
	list, at := cut(fresh, n), 0
	for i, c := range list {
		o := old[at:][:len(c.Data)]
		list[i].Base = []Old{{chunker.Sum(o), o}}
		at += len(c.Data)
	}
	return list
}

// edited overwrites a tenth of each n bytes, in so many ranges.
func edited(old []byte, n, ranges int) []byte {
	r, stream := rand.New(rand.NewPCG(1, 2)), rand.NewChaCha8([32]byte{1})
	fresh := bytes.Clone(old)
	for at := 0; at+n <= len(fresh); at += n {
		for j := range ranges {
			span := n / ranges
			p := at + j*span + r.IntN(span-span/10)
			_, _ = stream.Read(fresh[p:][:span/10])
		}
	}
	return fresh
}

// jsonLines are records as people keep them: the same keys, a running number, words.
func jsonLines(size int) []byte {
	var b bytes.Buffer
	r := rand.New(rand.NewPCG(3, 4))
	for i, line := range bytes.Split(corpus.Text(2, int64(size)).Bytes(), []byte("\n")) {
		fmt.Fprintf(&b, `{"id": "doc-%08d", "url": "https://example.org/%x/%d", "score": %.6f, "language": "en", "text": "%s"}`+"\n",
			i, r.Uint32(), r.IntN(1000), r.Float64(), line)
	}
	return b.Bytes()[:size]
}

func encode(t tester, o Options, run []Chunk) []Encoded {
	t.Helper()
	e, err := NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := e.Encode(run)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// packOf is the one pack of runs.
func packOf(t tester, o Options, runs ...[]Chunk) []byte {
	t.Helper()
	w := NewWriter(MaxPackBytes)
	for _, run := range runs {
		for _, f := range encode(t, o, run) {
			if !w.Add(f) {
				t.Fatal("the pack is full")
			}
		}
	}
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oldOf finds the bases of runs.
func oldOf(runs ...[]Chunk) OldFunc {
	known := map[chunker.Digest][]byte{}
	for _, run := range runs {
		for _, c := range run {
			for _, o := range c.Base {
				known[o.Digest] = o.Data
			}
		}
	}
	return func(d chunker.Digest, _ int64) ([]byte, error) {
		if b, ok := known[d]; ok {
			return b, nil
		}
		return nil, fmt.Errorf("it is not here")
	}
}

// unpack decodes every frame of a whole pack and returns the chunks in order.
func unpack(b []byte, old OldFunc) (list [][]byte, err error) {
	p, err := Open(b)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != p.Bytes {
		return nil, damaged("%d bytes", len(b))
	}
	for i, f := range p.Frames {
		err := p.Decode(i, b[f.Offset:f.End()], old, func(e Entry, data []byte) error {
			if chunker.Sum(data) != e.Digest || int64(len(data)) != e.Length || e.Frame != i {
				return fmt.Errorf("entry %+v came with other bytes", e)
			}
			list = append(list, bytes.Clone(data))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// checkRoundTrip tells that a pack of runs holds their chunks, each digest once a run.
func checkRoundTrip(t tester, b []byte, runs ...[]Chunk) {
	t.Helper()
	got, err := unpack(b, oldOf(runs...))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		seen := map[chunker.Digest]bool{}
		for _, c := range run {
			if seen[c.Digest] {
				continue
			}
			seen[c.Digest] = true
			if len(got) == 0 || !bytes.Equal(got[0], c.Data) {
				t.Fatalf("chunk %s is missing or another", c.Digest)
			}
			got = got[1:]
		}
	}
	if len(got) > 0 {
		t.Fatalf("%d chunks too many", len(got))
	}
}

var _ tester = (*testing.T)(nil)
