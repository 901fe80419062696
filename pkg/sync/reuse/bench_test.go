package reuse

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// recipeChunks: a shard of 1 GiB.
const recipeChunks = 16384

// reportMemory adds what the process has had in memory at most, and what of it is no file, in MiB.
func reportMemory(b *testing.B) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // not Linux
	}
	for _, name := range []string{"VmHWM", "RssAnon"} {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			continue
		}
		kib, err := strconv.Atoi(string(m[1]))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(kib)/1024, name+"-MiB")
	}
}

// BenchmarkHold streams one held recipe of 16,384 chunks an operation past 1 million missing chunks, of which 1 % are held
// once in all. 100 million held chunks: -benchtime=6104x.
func BenchmarkHold(b *testing.B) {
	const missing = 1_000_000
	f, err := New(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	wanted, held := stream{}, stream{state: 1 << 62}
	for left := missing; left > 0; left -= min(left, recipeChunks) {
		if err := f.Want(wanted.recipe(min(left, recipeChunks))); err != nil {
			b.Fatal(err)
		}
	}
	wanted.state = 0
	b.ResetTimer()
	for i := range b.N {
		chunks := held.recipe(recipeChunks)
		if i < missing/100/100 { // 100 chunks of what is wanted, in this one
			copy(chunks[5000:], wanted.recipe(100))
		}
		if _, err := f.Hold(int32(i), chunks); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if f.disk != nil {
		b.Fatal("spilled")
	}
	b.ReportMetric(float64(b.N)*recipeChunks/b.Elapsed().Seconds(), "chunks/s")
	reportMemory(b)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSpilled finds, on disk and within 128 MiB, the places of one missing recipe of 16,384 chunks an operation, all
// of which are held once. 20 million of both: -benchtime=1221x. TMPDIR says on which disk.
func BenchmarkSpilled(b *testing.B) {
	f, err := New(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	s := stream{}
	b.ResetTimer()
	for range b.N {
		if err := f.Want(s.recipe(recipeChunks)); err != nil {
			b.Fatal(err)
		}
	}
	if f.disk == nil { // too few to need it
		if err := f.spill(); err != nil {
			b.Fatal(err)
		}
	}
	wantedAt := b.Elapsed()
	s.state = 0
	for i := range b.N {
		chunks := s.recipe(recipeChunks)
		if _, err := f.Hold(int32(i), chunks); err != nil {
			b.Fatal(err)
		}
	}
	heldAt := b.Elapsed()
	found := 0
	err = f.Each(func(_ int, places [][]parts.Place) error {
		for _, p := range places {
			found += len(p)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if found != b.N*recipeChunks {
		b.Fatalf("found %d of %d", found, b.N*recipeChunks)
	}
	b.ReportMetric(wantedAt.Seconds(), "want-s")
	b.ReportMetric((heldAt - wantedAt).Seconds(), "hold-s")
	b.ReportMetric((b.Elapsed() - heldAt).Seconds(), "each-s")
	reportMemory(b)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWant adds one recipe of 16,384 missing chunks an operation, in memory.
func BenchmarkWant(b *testing.B) {
	s := stream{}
	var f *Finder
	var chunks []chunker.Chunk
	for i := range b.N {
		b.StopTimer()
		if i%64 == 0 { // a million
			var err error
			if f, err = New(Options{Dir: b.TempDir()}); err != nil {
				b.Fatal(err)
			}
		}
		chunks = s.recipe(recipeChunks)
		b.StartTimer()
		if err := f.Want(chunks); err != nil {
			b.Fatal(err)
		}
	}
}
