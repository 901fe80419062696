package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watched is a folder under test and what the last scan left.
type watched struct {
	t     *testing.T
	dir   string
	state State
	clock time.Time // of the files: every write has another time, however fast the test is
}

func watch(t *testing.T) *watched {
	return &watched{t: t, dir: t.TempDir(), clock: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
}

func (w *watched) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watched) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.clock = w.clock.Add(time.Second)
	if err := os.Chtimes(w.path(name), w.clock, w.clock); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) remove(name string) {
	w.t.Helper()
	if err := os.Remove(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

// scan tells the changes as "+a ~b -c", then the mistakes without the folder's path.
func (w *watched) scan() string {
	w.t.Helper()
	c, state, err := Folder{w.dir}.Scan(w.state)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state = state
	var words []string
	for _, j := range c.Added {
		words = append(words, "+"+j.ID)
	}
	for _, j := range c.Changed {
		words = append(words, "~"+j.ID)
	}
	for _, id := range c.Gone {
		words = append(words, "-"+id)
	}
	out := strings.Join(words, " ")
	for _, e := range c.Errs {
		out += "\n" + strings.ReplaceAll(e.Error(), w.dir+"/", "")
	}
	return out
}

func (w *watched) want(want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.scan()); diff != "" {
		w.t.Errorf("-want +have:\n%s", diff)
	}
}

// jobs tells what counts: id, dataset and file of each.
func (w *watched) jobs() string {
	var words []string
	for _, j := range w.state.Jobs() {
		words = append(words, fmt.Sprintf("%s:%s:%s", j.ID, j.Dataset, filepath.Base(j.File())))
	}
	return strings.Join(words, " ")
}

func spec(id, dataset string) string {
	return fmt.Sprintf("{id: %s, dataset: %s, to: aws}\n", id, dataset)
}

func TestFolder(t *testing.T) {
	w := watch(t)
	w.want("")
	w.write("b.yaml", spec("b", "c4"))
	w.write("a.jsonl", `{"id": "a1", "dataset": "c4", "to": "aws"}`+"\n"+`{"id": "a2", "dataset": "c4", "to": "aws"}`)
	for _, ignored := range []string{".b.yaml", "b.yaml~", "#b.yaml#", "b.yaml.tmp", "README", "b.txt", ".yaml"} {
		w.write(ignored, "not: a job")
	}
	w.want("+a1 +a2 +b")
	w.want("")
	w.write("b.yaml", spec("b", "c5")) // as long as before
	w.want("~b")
	w.write("b.yaml", "# the same\n"+spec("b", "c5"))
	w.want("")
	w.write("a.jsonl", `{"id": "a2", "dataset": "c5", "to": "aws"}`)
	w.want("~a2") // a1 may come back
	w.want("-a1")
	w.want("")
	w.remove("b.yaml")
	w.want("")
	if got := w.jobs(); got != "a2:c5:a.jsonl b:c5:b.yaml" {
		t.Errorf("while b is missed: %s", got)
	}
	w.write("c.yml", spec("b", "c5")) // moved, and found before it is gone
	w.want("")
	w.want("")
	if got := w.jobs(); got != "a2:c5:a.jsonl b:c5:c.yml" {
		t.Errorf("at the end: %s", got)
	}
}

// TestUnchangedFiles: what has the same size, time and inode is not read again, whatever is in it; another inode is.
func TestUnchangedFiles(t *testing.T) {
	w := watch(t)
	w.write("a.yaml", spec("a", "c4"))
	w.want("+a")
	w.clock = w.clock.Add(-time.Second)
	w.write("a.yaml", spec("a", "c5"))
	w.want("")
	w.clock = w.clock.Add(-time.Second)
	w.write("new", spec("a", "c5"))
	if err := os.Rename(w.path("new"), w.path("a.yaml")); err != nil {
		t.Fatal(err)
	}
	w.want("~a")
}

func TestHalfWrittenFile(t *testing.T) {
	w := watch(t)
	w.write("a.jsonl", `{"id": "a1", "dataset": "c4", "to": "aws"}`+"\n"+`{"id": "a2", "dataset": "c4", "to": "aws"}`)
	w.want("+a1 +a2")
	w.write("a.jsonl", "")
	w.want("\na.jsonl: holds no job; write at least id, dataset and to")
	w.want("") // a mistake is told once
	w.write("a.jsonl", `{"id": "a1", "dataset": "c5", "to": "aws"}`+"\n"+`{"id": "a2", "da`)
	w.want("~a1\na.jsonl:2:14: JSON: the text ends within a value")
	w.want("")
	w.want("")
	if got := w.jobs(); got != "a1:c5:a.jsonl a2:c4:a.jsonl" {
		t.Errorf("jobs %s", got)
	}
	if errs := w.state.Errs(); len(errs) != 1 {
		t.Errorf("what is wrong now: %v", errs)
	}
	w.write("a.jsonl", `{"id": "a1", "dataset": "c5", "to": "aws"}`+"\n"+`{"id": "a2", "dataset": "c5", "to": "aws"}`+"\n")
	w.want("~a2")
	if errs := w.state.Errs(); len(errs) != 0 {
		t.Errorf("what is wrong now: %v", errs)
	}
}

func TestJobInTwoFiles(t *testing.T) {
	w := watch(t)
	w.write("b.yaml", spec("x", "c4"))
	w.want("+x")
	w.write("c.yaml", "\n"+spec("x", "c5"))
	w.want("\nc.yaml:2:6: id: b.yaml has job \"x\" too, and counts; take it out of one of them")
	w.write("a.yaml", spec("x", "c6"))
	w.want("~x\nb.yaml:1:6: id: a.yaml has job \"x\" too, and counts; take it out of one of them\n" +
		"c.yaml:2:6: id: a.yaml has job \"x\" too, and counts; take it out of one of them")
	w.remove("a.yaml")
	w.remove("b.yaml")
	w.want("~x")
	if got := w.jobs(); got != "x:c5:c.yaml" {
		t.Errorf("jobs %s", got)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	w := watch(t)
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	if err := os.WriteFile(outside, []byte(spec("outside", "c4")), 0o600); err != nil {
		t.Fatal(err)
	}
	// As a ConfigMap is mounted: files are links into a hidden folder that is replaced as a whole.
	if err := errors.Join(
		os.Mkdir(w.path("..1"), 0o700),
		os.WriteFile(w.path("..1/map.yaml"), []byte(spec("map", "c4")), 0o600),
		os.Symlink("..1", w.path("..data")),
		os.Symlink("..data/map.yaml", w.path("map.yaml")),
		os.Symlink(outside, w.path("out.yaml")),
		os.Symlink("../../etc/passwd", w.path("passwd.json")),
		os.Symlink("nothing.yaml", w.path("dangling.yaml")),
		os.Mkdir(w.path("dir.yaml"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	w.want(`+map
dangling.yaml: cannot be read: the link leads nowhere
dir.yaml: is no regular file; job specs are
out.yaml: cannot be read: the link leads out of the folder; put the file itself there
passwd.json: cannot be read: the link leads out of the folder; put the file itself there`)
	w.want("")
	if err := errors.Join(
		os.Mkdir(w.path("..2"), 0o700),
		os.WriteFile(w.path("..2/map.yaml"), []byte(spec("map", "c5")), 0o600),
		os.Symlink("..2", w.path("..tmp")),
		os.Rename(w.path("..tmp"), w.path("..data")),
	); err != nil {
		t.Fatal(err)
	}
	w.want("~map")
	w.remove("dangling.yaml")
	w.write("dangling.yaml", spec("found", "c4"))
	w.want("+found")
}

// TestFolderLost: a folder that cannot be read says nothing about its jobs.
func TestFolderLost(t *testing.T) {
	w := watch(t)
	w.write("a.yaml", spec("a", "c4"))
	w.want("+a")
	for range 3 {
		c, state, err := Folder{filepath.Join(w.dir, "none")}.Scan(w.state)
		if !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "make it, or change jobs.folder in the configuration") {
			t.Errorf("error %v", err)
		}
		if len(c.Gone) != 0 || len(state.Jobs()) != 1 {
			t.Errorf("%+v, jobs %v", c, state.Jobs())
		}
	}
}

func TestTooManyFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 10,001 files")
	}
	w := watch(t)
	w.write("0.yaml", spec("first", "c4"))
	w.want("+first")
	for i := range mostFiles {
		if err := os.WriteFile(w.path(fmt.Sprintf("f%05d.yaml", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, state, err := Folder{w.dir}.Scan(w.state)
	if want := w.dir + " has more than 10000 files; write several jobs into one, as JSON lines"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v\nwant %s", err, want)
	}
	if len(c.Gone)+len(c.Added)+len(c.Errs) != 0 || len(state.Jobs()) != 1 {
		t.Errorf("%+v, jobs %v", c, state.Jobs())
	}
}

// BenchmarkScan is a poll of a folder in which nothing changed.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	for i := range mostFiles {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d.yaml", i)), []byte(spec(fmt.Sprint("job", i), "c4")), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	_, state, err := Folder{dir}.Scan(State{})
	if err != nil || len(state.Jobs()) != mostFiles {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c, _, err := (Folder{dir}).Scan(state); err != nil || len(c.Added) != 0 {
			b.Fatal(err)
		}
	}
}
