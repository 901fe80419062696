package pack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
)

// Every benchmark runs on one goroutine; %stored is the whole pack's share of its chunks. Compare figures of one run only.

const (
	benchBytes = 16 << 20
	benchChunk = 64 << 10
)

func benchEncode(b *testing.B, o Options, run []Chunk) {
	b.Helper()
	e, err := NewEncoder(o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.Encode(run); err != nil {
		b.Fatal(err)
	}
	w := NewWriter(MaxPackBytes)
	for b.Loop() {
		frames, err := e.Encode(run)
		if err != nil {
			b.Fatal(err)
		}
		w.Reset()
		for _, f := range frames {
			w.Add(f)
		}
	}
	b.SetBytes(w.Totals().ContentBytes)
	b.ReportMetric(100*float64(w.Totals().PackBytes)/float64(w.Totals().ContentBytes), "%stored")
}

func benchDecode(b *testing.B, o Options, run []Chunk) {
	b.Helper()
	data := packOf(b, o, run)
	p, err := Open(data)
	if err != nil {
		b.Fatal(err)
	}
	old := oldOf(run)
	var n int64
	for b.Loop() {
		n = 0
		for i, f := range p.Frames {
			if err := p.Decode(i, data[f.Offset:f.End()], old, func(e Entry, _ []byte) error { n += e.Length; return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.SetBytes(n)
}

// Lines of JSON and of words, each chunk in a frame of its own and in runs.
func BenchmarkText(b *testing.B) {
	for _, kind := range []struct {
		name string
		data []byte
	}{{"json", jsonLines(benchBytes)}, {"words", corpus.Text(1, benchBytes).Bytes()[:benchBytes]}} {
		run := cut(kind.data, benchChunk)
		for level := DefaultLevel; level <= Best; level++ {
			for _, runBytes := range []int64{1, 256 << 10, 1 << 20, 4 << 20} {
				o := Options{Level: level, RunBytes: runBytes}
				name := fmt.Sprintf("%s/%s/run=%d", kind.name, level, max(runBytes, benchChunk)>>10)
				b.Run("encode/"+name, func(b *testing.B) { benchEncode(b, o, run) })
				b.Run("decode/"+name, func(b *testing.B) { benchDecode(b, o, run) })
			}
		}
	}
}

// Incompressible bytes of which a tenth is new in each chunk, against the old chunk.
func BenchmarkDelta(b *testing.B) {
	old := corpus.Random(1, benchBytes)
	for _, ranges := range []int{1, 8} {
		run := against(edited(old, benchChunk, ranges), old, benchChunk)
		for level := DefaultLevel; level <= Best; level++ {
			for _, runBytes := range []int64{1, 0} {
				o := Options{Level: level, RunBytes: runBytes}
				name := fmt.Sprintf("ranges=%d/%s/run=%d", ranges, level, map[int64]int{1: benchChunk, 0: deltaRunBytes}[runBytes]>>10)
				b.Run("encode/"+name, func(b *testing.B) { benchEncode(b, o, run) })
				b.Run("decode/"+name, func(b *testing.B) { benchDecode(b, o, run) })
			}
		}
	}
}

// What has neither structure nor likeness: the price of trying.
func BenchmarkIncompressible(b *testing.B) {
	data, other := corpus.Random(1, benchBytes), corpus.Random(2, benchBytes)
	for level := DefaultLevel; level <= Best; level++ {
		b.Run("encode/alone/"+level.String(), func(b *testing.B) { benchEncode(b, Options{Level: level}, cut(data, benchChunk)) })
		b.Run("encode/unlike/"+level.String(), func(b *testing.B) { benchEncode(b, Options{Level: level}, against(data, other, benchChunk)) })
	}
	b.Run("decode", func(b *testing.B) { benchDecode(b, Options{}, cut(data, benchChunk)) })
}

// What a pack adds to its frames, and what reading that takes: 64 MiB of chunks of 64 KiB.
func BenchmarkOpen(b *testing.B) {
	data := packOf(b, Options{}, cut(corpus.Random(1, 64<<20), benchChunk))
	for b.Loop() {
		if _, err := Open(data); err != nil {
			b.Fatal(err)
		}
	}
	n, _ := TablesBytes(data)
	b.ReportMetric(float64(n), "B-tables")
}

// Lines of JSON of which one in fifty is another, against the old chunks at the same place and the next.
func BenchmarkTextDelta(b *testing.B) {
	old := jsonLines(benchBytes)
	lines := bytes.SplitAfter(bytes.Clone(old), []byte("\n"))
	for i := 0; i < len(lines); i += 50 {
		lines[i] = bytes.ToUpper(lines[i])
	}
	run := against(bytes.Join(lines, nil), old, benchChunk)
	for i := range len(run) - 1 {
		run[i].Base = append(run[i].Base, run[i+1].Base[0])
	}
	for level := DefaultLevel; level <= Best; level++ {
		b.Run("encode/"+level.String(), func(b *testing.B) { benchEncode(b, Options{Level: level}, run) })
		b.Run("decode/"+level.String(), func(b *testing.B) { benchDecode(b, Options{Level: level}, run) })
	}
}

// The programs that people use, over the same 16 MiB as one file each: they see more at once than a frame does.
func BenchmarkPrograms(b *testing.B) {
	old := corpus.Random(1, benchBytes)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"zstd", []string{"-3", "-q", "-f", "-T1", "--patch-from=OLD", "NEW", "-o", "OUT"}},
		{"zstd", []string{"-19", "-q", "-f", "-T1", "--patch-from=OLD", "NEW", "-o", "OUT"}},
		{"xdelta3", []string{"-e", "-f", "-S", "none", "-B", "67108864", "-s", "OLD", "NEW", "OUT"}},
	} {
		for _, ranges := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s%s/ranges=%d", c.name, c.args[0], ranges), func(b *testing.B) {
				program, err := exec.LookPath(c.name)
				if err != nil {
					b.Skip(c.name + " is not installed")
				}
				dir := b.TempDir()
				files := map[string]string{}
				for _, f := range []string{"OLD", "NEW", "OUT"} {
					files[f] = filepath.Join(dir, f)
				}
				must(b, os.WriteFile(files["OLD"], old, 0o600))
				must(b, os.WriteFile(files["NEW"], edited(old, benchChunk, ranges), 0o600))
				args := make([]string, len(c.args))
				for i, a := range c.args {
					switch {
					case files[a] != "":
						a = files[a]
					case a == "--patch-from=OLD":
						a = "--patch-from=" + files["OLD"]
					}
					args[i] = a
				}
				for b.Loop() {
					if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
				info, err := os.Stat(files["OUT"])
				must(b, err)
				b.SetBytes(benchBytes)
				b.ReportMetric(100*float64(info.Size())/benchBytes, "%stored")
			})
		}
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
