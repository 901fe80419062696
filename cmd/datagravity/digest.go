package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

type digestFlags struct {
	chunks    bool
	chunkSize string
	algorithm string
	digests   []string
	workers   int
}

func newDigest(g *globals) *cobra.Command {
	var o digestFlags
	c := &cobra.Command{
		Use: "digest FILE|URL...", Short: "Print what index would record of a file or an object: digests, checksums, chunks",
		Long: `Reads each file, or object (s3://bucket/key, azblob://container/key, gs://bucket/key, with the parameters that a store's url takes), and
prints its BLAKE3 as b3sum does, the checksums that object stores keep, and how it is cut into chunks. "-" is standard input. Needs no
configuration and records nothing.

Reading an object under a URL is under no budget: out of its region it costs egress.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runDigest(c.Context(), g, args, o) },
	}
	f := c.Flags()
	f.BoolVar(&o.chunks, "chunks", false, "list every chunk: offset, length, digest")
	f.StringVar(&o.chunkSize, "chunk-size", "64KiB", "average `size` of a chunk")
	f.StringVar(&o.algorithm, "algorithm", chunker.AlgorithmTar, "how to cut: "+chunker.AlgorithmTar+" or "+chunker.AlgorithmPlain)
	f.StringArrayVar(&o.digests, "digest", nil, "one more digest of the whole: "+strings.Join(chunker.ExtraAlgorithms(), " or ")+"; repeatable")
	f.IntVar(&o.workers, "workers", 0, "cores to use (default: all)")
	return c
}

// params checks the flags.
func (o digestFlags) params() (chunker.Params, chunker.Options, error) {
	var avg config.Size
	if err := avg.UnmarshalText([]byte(o.chunkSize)); err != nil {
		return chunker.Params{}, chunker.Options{}, usageError{fmt.Errorf("--chunk-size: %w", err)}
	}
	p := chunker.ParamsFor(o.algorithm, int64(avg))
	options := chunker.Options{Workers: o.workers, Extra: o.digests}
	// An empty shard costs nothing and refuses whatever a real one would.
	if _, err := chunker.Whole(nil, p, options, func(chunker.Chunk) error { return nil }); err != nil {
		return p, options, usageError{err}
	}
	return p, options, nil
}

// digestJSON is one file or object in --json.
type digestJSON struct {
	Name      string                `json:"name"`
	Size      int64                 `json:"size"`
	Digest    chunker.Digest        `json:"digest"`
	CRC64NVME string                `json:"crc64nvme"`
	CRC32C    string                `json:"crc32c"`
	Digests   []chunker.ExtraDigest `json:"digests"`
	Algorithm string                `json:"algorithm"`
	MinBytes  int64                 `json:"min_bytes"`
	AvgBytes  int64                 `json:"avg_bytes"`
	MaxBytes  int64                 `json:"max_bytes"`
	Count     int                   `json:"chunk_count"`
	Chunks    []chunkJSON           `json:"chunks,omitempty"`
}

type chunkJSON struct {
	Offset int64          `json:"offset"`
	Length int64          `json:"length"`
	Digest chunker.Digest `json:"digest"`
}

// runDigest goes through all arguments, whatever becomes of one.
func runDigest(ctx context.Context, g *globals, args []string, o digestFlags) error {
	p, options, err := o.params()
	if err != nil {
		return err
	}
	show, err := newProgress(g, "digest")
	if err != nil {
		return err
	}
	list := []digestJSON{}
	var failed error
	for _, name := range args {
		d, err := g.digest(ctx, name, p, options, o.chunks, show)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("digest of %s: %w", open.Redact(name), err))
			continue
		}
		list = append(list, d)
	}
	show.end()
	if ctx.Err() != nil {
		failed = fmt.Errorf("interrupted (%w)", context.Cause(ctx))
	}
	if g.json {
		return sayingToo(g, g.printJSON(list), failed)
	}
	for _, d := range list {
		if err := g.printDigest(d); err != nil {
			return err
		}
	}
	return failed
}

func (g *globals) digest(ctx context.Context, name string, p chunker.Params, o chunker.Options, chunks bool, show *tracker) (out digestJSON, err error) {
	in, size, err := g.openInput(ctx, name)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	show.event(engine.Event{Kind: engine.RunStarted, Shards: 1, Bytes: size})
	out = digestJSON{
		Name: open.Redact(name), Algorithm: p.Algorithm, MinBytes: p.MinBytes, AvgBytes: p.AvgBytes, MaxBytes: p.MaxBytes,
		Digests: []chunker.ExtraDigest{},
	}
	sums, err := chunker.Stream(&shownReader{ctx, in, name, show}, p, o, func(c chunker.Chunk) error {
		out.Count++
		if chunks {
			out.Chunks = append(out.Chunks, chunkJSON{c.Offset, c.Length, c.Digest})
		}
		return nil
	})
	if err != nil {
		show.event(engine.Event{Kind: engine.ShardFailed, Path: name})
		return out, err
	}
	show.event(engine.Event{Kind: engine.ShardDone, Path: name})
	out.Size, out.Digest, out.Digests = sums.Size, sums.Shard, append(out.Digests, sums.Extra...)
	out.CRC64NVME, out.CRC32C = store.Hex64(sums.CRC64NVME), store.Hex32(sums.CRC32C)
	return out, nil
}

func (g *globals) printDigest(d digestJSON) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", d.Digest, d.Name)
	fmt.Fprintf(&b, "  bytes: %d  chunks: %d, %s %d/%d/%d\n", d.Size, d.Count, d.Algorithm, d.MinBytes, d.AvgBytes, d.MaxBytes)
	fmt.Fprintf(&b, "  crc64nvme:%s\n  crc32c:%s\n", d.CRC64NVME, d.CRC32C)
	for _, e := range d.Digests {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	for _, c := range d.Chunks {
		fmt.Fprintf(&b, "  %12d %9d  %s\n", c.Offset, c.Length, c.Digest)
	}
	_, err := io.WriteString(g.out, b.String())
	return err
}

// openInput opens a file, an object, or standard input; size is 0 where it is not known.
func (g *globals) openInput(ctx context.Context, name string) (in io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(g.in), 0, nil
	}
	u, err := url.Parse(name)
	if err == nil && u.Scheme != "" && u.Scheme != "file" && strings.Contains(name, "://") {
		return openObject(ctx, u)
	}
	if err == nil && u.Scheme == "file" {
		name = u.Path
	}
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, fmt.Errorf("%w: there is no such file; check the path", engine.ErrSourceMissing)
		}
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; name the files in it")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// openObject opens the store that the URL without its path names.
func openObject(ctx context.Context, u *url.URL) (io.ReadCloser, int64, error) {
	bucket, key := *u, strings.TrimPrefix(u.Path, "/")
	bucket.Path, bucket.RawPath = "", ""
	if key == "" {
		return nil, 0, usageError{errors.New("it names no object; add its key, as in s3://bucket/folder/shard.tar?region=us-east-1")}
	}
	// Whoever types an address on this machine means it.
	s, err := open.Open(ctx, bucket.String(), open.Options{AllowLoopback: true})
	if err != nil {
		return nil, 0, err
	}
	o, err := s.Head(ctx, key)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("%w: %w", engine.ErrSourceMissing, err)
		}
		return nil, 0, errors.Join(err, s.Close())
	}
	return &objectReader{ctx: ctx, Store: s, object: o}, o.Size, nil
}

// objectReader reads an object in ranges, all of the version that was there at first.
type objectReader struct {
	store.Store
	ctx    context.Context
	object store.Object
	at     int64
	buf    []byte
	rest   []byte
}

// rangeBytes is asked for at a time: few requests, and little memory.
const rangeBytes = 8 << 20

func (r *objectReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		n := min(rangeBytes, r.object.Size-r.at)
		if n == 0 {
			return 0, io.EOF
		}
		if r.buf == nil {
			r.buf = make([]byte, n)
		}
		if err := r.ReadRange(r.ctx, r.object.Ref(), r.at, r.buf[:n]); err != nil {
			return 0, err
		}
		r.at, r.rest = r.at+n, r.buf[:n]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// shownReader tells the progress view what was read, and stops when the command is interrupted.
type shownReader struct {
	ctx  context.Context
	in   io.Reader
	name string
	show *tracker
}

func (r *shownReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	r.show.event(engine.Event{Kind: engine.BytesMoved, Path: r.name, Bytes: int64(n)})
	return n, err
}
