package pack

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// What the format calls a zstd frame is one to others, too.
func TestZstdProgramReadsFrames(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed")
	}
	old := corpus.Random(1, 300<<10)
	fresh := edited(old, 30<<10, 2)
	large := corpus.Random(2, 3<<20)
	for name, c := range map[string]Chunk{
		"zstd":        {Data: jsonLines(1 << 20)},
		"tiny":        {Data: make([]byte, 20)},
		"delta":       {Data: fresh, Base: []Old{{Data: old}}},
		"large delta": {Data: edited(large, 30<<10, 2), Base: []Old{{Data: large}}},
	} {
		f := encode(t, Options{}, []Chunk{c})[0]
		dir := t.TempDir()
		write := func(name string, b []byte) string {
			p := filepath.Join(dir, name)
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return p
		}
		args := []string{"-d", "-q", "-c", write("stored.zst", f.Stored)}
		if f.Encoding == Delta {
			args = append(args, "--patch-from="+write("base", c.Base[0].Data))
		}
		cmd := exec.Command(program, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		got, err := cmd.Output()
		if err != nil || !bytes.Equal(got, c.Data) {
			t.Errorf("%s (%s): %d bytes of %d, %v, %s", name, f.Encoding, len(got), len(c.Data), err, &stderr)
		}
	}
}

// And what that program makes is a frame to us: another writer needs no code of ours.
func TestFramesOfTheZstdProgram(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed")
	}
	old := corpus.Random(1, 1<<20)
	base := Old{chunker.Sum(old), old}
	for name, c := range map[string]struct {
		data []byte
		base []Old
	}{
		"zstd":  {jsonLines(1 << 20), nil},
		"delta": {edited(old, 50_000, 3), []Old{base}},
	} {
		dir := t.TempDir()
		oldFile, newFile := filepath.Join(dir, "old"), filepath.Join(dir, "new")
		for file, b := range map[string][]byte{oldFile: old, newFile: c.data} {
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"-q", "-c", "--no-check", newFile}
		f := Encoded{Encoding: Zstd, Chunks: []Reference{{chunker.Sum(c.data), int64(len(c.data))}}}
		if c.base != nil {
			args = append(args, "--patch-from="+oldFile)
			f.Encoding, f.Base = Delta, []Reference{{base.Digest, int64(len(old))}}
		}
		if f.Stored, err = exec.Command(program, args...).Output(); err != nil {
			t.Fatal(name, err)
		}
		w := NewWriter(0)
		w.Add(f)
		b, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, b, []Chunk{{chunker.Sum(c.data), c.data, c.base}})
	}
}
