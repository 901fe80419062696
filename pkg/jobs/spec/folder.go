package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	// mostFiles of a folder; a scan asks the system about each, 10 µs a file.
	mostFiles = 10_000
	// mostEntries that are looked at to find them.
	mostEntries = 100_000
)

// folderLimits hold for each file, and as to jobs for all together. Mistakes are kept from scan to scan, and there can be 10,000 files.
var folderLimits = limits{jobs: 100_000, mistakes: 20}

// endings of files that are job specs.
var endings = []string{".yaml", ".yml", ".json", ".jsonl"}

// Folder is a folder of job specs: the files *.yaml, *.yml, *.json and *.jsonl directly in it. Hidden files and those that editors
// leave (x~, #x#) are none. Links must stay within the folder, as those of a mounted ConfigMap do.
//
// # What a scan believes
//
//   - A file whose size, time and inode did not change is not read again.
//   - Of a file with a mistake the jobs that are right count, and what it gave before does for the rest: it may be half written.
//   - A job is gone when two scans in a row did not find it, because editors and copying tools remove a file, or empty it, before they
//     write it.
//   - Of two files with one job the first by name counts; the other has a mistake.
//
// Who writes a file under a name that does not count (.x) and renames it is never read halfway.
type Folder struct {
	Dir string
}

// State is what a scan found, for the next one; the zero value is before the first. It is not changed by a scan.
type State struct {
	files  map[string]*file
	jobs   map[string]Job
	missed map[string]bool // jobs that the last scan did not find
	errs   []error
}

// Jobs are all that count, in the order of their ids.
func (s State) Jobs() []Job {
	out := make([]Job, 0, len(s.jobs))
	for _, id := range slices.Sorted(maps.Keys(s.jobs)) {
		out = append(out, s.jobs[id])
	}
	return out
}

// Errs is what is wrong now, in the order of the files' names: an error for each file, and one for each job that another file has too.
func (s State) Errs() []error { return slices.Clone(s.errs) }

// Changes are the differences between two scans.
type Changes struct {
	// Added and Changed jobs, in the order of their ids; see [Job.File]. A job that says the same elsewhere is not changed.
	Added, Changed []Job
	// Gone are ids, in order.
	Gone []string
	// Errs are those of [State.Errs] that the scan before did not have.
	Errs []error
}

// file is what was read of one file. It is never changed.
type file struct {
	info fs.FileInfo // nil: to be read again whatever its time says
	jobs []Job
	err  error
}

// Scan looks at the folder and tells what is other than in prev. The error says that the folder cannot be read, or has more than 10,000
// files or 100,000 jobs; then nothing is changed and the state is prev. Mistakes in files are Changes.Errs.
func (f Folder) Scan(prev State) (Changes, State, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return Changes{}, prev, fmt.Errorf("folder of job specs: %w; make it, or change jobs.folder in the configuration", err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	names, err := f.names(root)
	if err != nil {
		return Changes{}, prev, fmt.Errorf("folder of job specs: %w", err)
	}
	now := State{files: map[string]*file{}}
	same := len(prev.missed) == 0
	for _, name := range names {
		before := prev.files[name]
		is := f.look(root, name, before)
		if is != nil {
			now.files[name] = is
		}
		same = same && is == before
	}
	if same && len(now.files) == len(prev.files) && prev.jobs != nil {
		return Changes{}, prev, nil
	}
	return f.compare(prev, now)
}

// names lists the files that are job specs, in order.
func (f Folder) names(root *os.Root) (names []string, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // nothing was written
	for entries := 0; ; {
		some, err := dir.ReadDir(1000)
		for _, e := range some {
			if isSpec(e.Name()) {
				names = append(names, e.Name())
			}
		}
		entries += len(some)
		switch {
		case len(names) > mostFiles:
			return nil, fmt.Errorf("%s has more than %d files; write several jobs into one, as JSON lines", f.Dir, mostFiles)
		case entries > mostEntries:
			return nil, fmt.Errorf("%s has more than %d entries; give job specs a folder of their own", f.Dir, mostEntries)
		case errors.Is(err, io.EOF):
			slices.Sort(names)
			return names, nil
		case err != nil:
			return nil, err
		}
	}
}

func isSpec(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") && slices.Contains(endings, filepath.Ext(name))
}

// look reads a file, unless it is as before; nil if it is gone meanwhile.
func (f Folder) look(root *os.Root, name string, before *file) *file {
	path := filepath.Join(f.Dir, name)
	info, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := root.Lstat(name); err != nil {
			return nil
		}
	}
	switch {
	case err != nil:
		return before.despite(nil, nil, &Error{Path: path, Message: "cannot be read: " + why(err)})
	case !info.Mode().IsRegular():
		return before.despite(nil, nil, &Error{Path: path, Message: "is no regular file; job specs are"})
	case before != nil && before.info != nil && os.SameFile(before.info, info) &&
		before.info.Size() == info.Size() && before.info.ModTime().Equal(info.ModTime()):
		return before
	}
	// Not to wait for a writer, should it be a pipe by now.
	in, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return before.despite(nil, nil, &Error{Path: path, Message: "cannot be read: " + why(err)})
	}
	defer func() { _ = in.Close() }() // nothing was written
	// What is written from here on has another time than this.
	if info, err = in.Stat(); err != nil || !info.Mode().IsRegular() {
		return before.despite(nil, nil, &Error{Path: path, Message: "was replaced while it was read"})
	}
	jobs, err := parse(path, in, folderLimits)
	if err != nil {
		return before.despite(info, jobs, err)
	}
	return &file{info: info, jobs: jobs}
}

// despite is a file with a mistake: the jobs that are right, and those from before for the rest.
func (before *file) despite(info fs.FileInfo, jobs []Job, err error) *file {
	if before == nil {
		return &file{info: info, jobs: jobs, err: err}
	}
	if info == nil && before.info == nil && before.err != nil && before.err.Error() == err.Error() {
		return before // as it was
	}
	right := map[string]bool{}
	for _, j := range jobs {
		right[j.ID] = true
	}
	for _, j := range before.jobs {
		if !right[j.ID] {
			jobs = append(jobs, j)
		}
	}
	return &file{info: info, jobs: jobs, err: err}
}

// why is the reason of a file system's error, without the path that the message has already.
func why(err error) string {
	var at *fs.PathError
	switch {
	case !errors.As(err, &at):
		return err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "the link leads nowhere"
	case strings.Contains(at.Err.Error(), "escapes"): // package os has no name for it
		return "the link leads out of the folder; put the file itself there"
	}
	return at.Err.Error()
}

// compare makes the state whole, whose files are known, and tells what is other than before.
func (f Folder) compare(prev, now State) (c Changes, _ State, err error) {
	now.jobs, now.missed = map[string]Job{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(now.files)) {
		is := now.files[name]
		if is.err != nil {
			now.errs = append(now.errs, is.err)
		}
		for _, j := range is.jobs {
			if first, twice := now.jobs[j.ID]; twice {
				now.errs = append(now.errs, j.Mistake("id", fmt.Sprintf("%s has job %q too, and counts; take it out of one of them", first.File(), j.ID)))
				continue
			}
			now.jobs[j.ID] = j
		}
		if len(now.jobs) > folderLimits.jobs {
			return Changes{}, prev, fmt.Errorf("folder of job specs: %s has more than %d jobs; take out those that are over", f.Dir, folderLimits.jobs)
		}
	}
	for id, j := range now.jobs {
		before, had := prev.jobs[id]
		switch {
		case !had:
			c.Added = append(c.Added, j)
		case before.from != j.from && !before.Equal(j):
			c.Changed = append(c.Changed, j)
		}
	}
	for id, j := range prev.jobs {
		switch _, has := now.jobs[id]; {
		case has:
		case prev.missed[id]:
			c.Gone = append(c.Gone, id)
		default:
			now.jobs[id], now.missed[id] = j, true
		}
	}
	byID := func(a, b Job) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(c.Added, byID)
	slices.SortFunc(c.Changed, byID)
	slices.Sort(c.Gone)
	known := map[string]bool{}
	for _, e := range prev.errs {
		known[e.Error()] = true
	}
	for _, e := range now.errs {
		if !known[e.Error()] {
			c.Errs = append(c.Errs, e)
		}
	}
	return c, now, nil
}
