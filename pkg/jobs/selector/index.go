package selector

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs/format"
)

// index is a term that an index of the dataset decides.
type index struct {
	kind string // the word in front
	name string // folder, file, prefix or split, as the kind has it
	dir  string // of energon: the folder that .nv-meta is in
}

func (t index) text() string {
	text := t.kind + ":" + t.name
	if t.dir != "" {
		text += "@" + t.dir
	}
	return text
}

// readsIndex is false for a parquet set alone: the names of its files say how many there must be.
func (t index) readsIndex() bool { return t.kind != "parquet" }

func (p *parser) index(text, kind, rest string) (term, error) {
	t := index{kind: kind, name: rest}
	var err error
	switch kind {
	case "mds", "litdata", "delta":
		t.name, err = folder(rest)
	case "energon":
		var dir string
		t.name, dir, _ = strings.Cut(rest, "@")
		if t.name == "" {
			return nil, malformed(text, "names no split; write energon:train")
		}
		t.dir, err = folder(dir)
	case "megatron":
		for strings.HasSuffix(t.name, ".idx") || strings.HasSuffix(t.name, ".bin") {
			t.name = t.name[:len(t.name)-len(".idx")]
		}
		fallthrough
	default:
		if t.name == "" {
			return nil, malformed(text, "names nothing; write %s", map[string]string{
				"wids": "wids:train.json", "megatron": "megatron:corpus_text_document", "parquet": "parquet:train"}[kind])
		}
		t.name, err = inside(t.name)
	}
	if err != nil {
		return nil, nameError(text, err)
	}
	return t, nil
}

// folder is a path without a slash at its end, "" for the dataset's root.
func folder(dir string) (string, error) {
	dir = strings.TrimRight(dir, "/")
	if dir == "" || dir == "." {
		return "", nil
	}
	return inside(dir)
}

// inside refuses what leads out of the dataset, or is a URL.
func inside(name string) (string, error) {
	if format.IsURL(name) {
		return "", fmt.Errorf("%w: it is a URL; write the path within the dataset", format.ErrMalformed)
	}
	return format.Place{}.Path(name)
}

// under joins a folder, "" for the root, and a name.
func under(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func (t index) open(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	var s source
	var err error
	switch t.kind {
	case "mds":
		s, err = t.openFile(ctx, r, out, under(t.name, "index.json"), format.MDS)
	case "litdata":
		s, err = t.openFile(ctx, r, out, under(t.name, "index.json"), format.LitData)
	case "wids":
		s, err = t.openFile(ctx, r, out, t.name, format.Wids)
	case "energon":
		s, err = t.openEnergon(ctx, r, out)
	case "megatron":
		s = t.openMegatron(r, out)
	case "parquet":
		s = &setFinder{t: t, out: out}
	case "delta":
		s, err = t.openDelta(ctx, r, out)
	default:
		err = fmt.Errorf("%w: the index %q is of no known kind", ErrMalformed, t.kind)
	}
	if err != nil {
		return nil, ofTerm(t, err)
	}
	return s, nil
}

// inFile names an index file in an error of a reader.
func inFile(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", file, err)
}

// openFile finds what one index file names, and then the file itself.
func (t index) openFile(ctx context.Context, r *resolver, out func(shard), file string, read func([]byte, format.Place) ([]format.File, error)) (source, error) {
	data, err := r.read(ctx, file)
	if err != nil {
		return nil, err
	}
	dir := path.Dir(file)
	if dir == "." {
		dir = ""
	}
	files, err := read(data, r.place(dir))
	if err != nil {
		return nil, inFile(file, err)
	}
	f := t.find(files, file, out)
	f.want(file, format.Unknown, true)
	return f, nil
}

func (t index) find(files []format.File, file string, out func(shard)) *finder {
	f := &finder{t: t, from: file, out: out, wanted: make([]wanted, 0, len(files)+1)}
	for _, in := range files {
		f.want(in.Path, in.Bytes, false)
	}
	return f
}

// openEnergon finds the shards of a split, and then all of .nv-meta.
func (t index) openEnergon(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	folder := under(t.dir, format.EnergonFolder)
	file := folder + "split.yaml"
	splits, err := r.data.Read(ctx, file, 0, format.MaxBytes+1)
	if isAbsent(err) {
		file = folder + "split.json"
		splits, err = r.data.Read(ctx, file, 0, format.MaxBytes+1)
	}
	if isAbsent(err) {
		return nil, fmt.Errorf("%w: %s has neither split.yaml nor split.json", ErrMissing, folder)
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", file, err)
	}
	info, err := r.data.Read(ctx, folder+".info.json", 0, format.MaxBytes+1)
	if isAbsent(err) {
		info, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", folder+".info.json", err)
	}
	files, err := format.Energon(splits, info, t.name, r.place(t.dir))
	if err != nil {
		return nil, inFile(file, err)
	}
	return &withFolder{finder: t.find(files, file, out), folder: folder}, nil
}

// openMegatron finds a pair of files, and compares them once their sizes are known.
func (t index) openMegatron(r *resolver, out func(shard)) source {
	f := &finder{t: t, from: t.name + ".idx", out: out}
	f.want(t.name+".bin", format.Unknown, false)
	f.want(t.name+".idx", format.Unknown, true)
	r.later = append(r.later, func(ctx context.Context) error {
		bin, idx := f.wanted[0], f.wanted[1]
		want, _, err := format.Megatron(ranges{ctx, r.data, idx.path}, idx.bytes)
		if err != nil {
			return ofTerm(t, inFile(idx.path, err))
		}
		if want != bin.bytes {
			return ofTerm(t, fmt.Errorf("%w %q: %q has %d bytes, and the index says %d", ErrLies, idx.path, bin.path, bin.bytes, want))
		}
		return nil
	})
	return f
}

// ranges reads a path of the dataset as an io.ReaderAt.
type ranges struct {
	ctx  context.Context // an io.ReaderAt has no other place for it; lives as long as one check
	data Dataset
	path string
}

// ReadAt returns fewer bytes without an error where the object ends; the reader says so in its own words.
func (a ranges) ReadAt(p []byte, off int64) (int, error) {
	b, err := a.data.Read(a.ctx, a.path, off, int64(len(p)))
	if err != nil {
		return 0, fmt.Errorf("read %q: %w", a.path, err)
	}
	return copy(p, b), nil
}

// openDelta replays a table's log, and finds its files and then all of the log.
func (t index) openDelta(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	folder := under(t.name, format.DeltaFolder)
	var names []string
	if err := r.data.Shards(func(p string, _ int64) bool {
		if name, ok := strings.CutPrefix(p, folder); ok {
			names = append(names, name)
		}
		return p < folder || strings.HasPrefix(p, folder)
	}); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: the log %s", ErrMissing, folder)
	}
	commits, err := format.DeltaCommits(names)
	if err != nil {
		return nil, inFile(folder, err)
	}
	var log format.DeltaLog
	left := int64(format.MaxBytes)
	for v := range commits {
		file := folder + format.DeltaCommit(v)
		data, err := r.data.Read(ctx, file, 0, left+1)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", file, err)
		}
		if left -= int64(len(data)); left < 0 {
			return nil, fmt.Errorf("%w: the commits in %s have more than %d bytes; select the table's files by a glob or a list", ErrIndex, folder, format.MaxBytes)
		}
		if err := log.Add(data, r.place(t.name)); err != nil {
			return nil, inFile(file, err)
		}
	}
	return &withFolder{finder: t.find(log.Files(), folder, out), folder: folder}, nil
}

// withFolder finds names, and then a whole folder of index files.
type withFolder struct {
	*finder
	folder string
	files  []shard
}

func (w *withFolder) see(s shard) {
	w.finder.see(s)
	if strings.HasPrefix(s.path, w.folder) {
		s.index = true
		w.files = append(w.files, s)
	}
}

func (w *withFolder) end() error {
	if err := w.finder.end(); err != nil {
		return err
	}
	for _, s := range w.files {
		w.out(s)
	}
	return nil
}
