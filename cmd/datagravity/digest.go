package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store"
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
configuration, knows no configured names, and records nothing.

Reading an object under a URL is under no budget: out of its region it costs egress. On a terminal the bytes are told before they are
read. What changes while it is read is an error, never a digest of two versions.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runDigest(c.Context(), g, args, o) },
	}
	f := c.Flags()
	f.BoolVar(&o.chunks, "chunks", false, "list every chunk: offset, length, digest")
	f.StringVar(&o.chunkSize, "chunk-size", "64KiB", "average `size` of a chunk")
	f.StringVar(&o.algorithm, "algorithm", chunker.AlgorithmTar, "how to cut: "+strings.Join(chunker.Algorithms(), ", "))
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
func runDigest(ctx context.Context, g *globals, args []string, o digestFlags) (err error) {
	p, options, err := o.params()
	if err != nil {
		return err
	}
	show, err := newProgress(g, "digest")
	if err != nil {
		return err
	}
	in := &digestInputs{stdin: g.in, stores: map[string]store.Store{}, objects: map[string]digestObject{}}
	defer func() { err = errors.Join(err, in.Close()) }()
	if n, bytes := in.find(ctx, args); n > 0 && onTerminal(g.err) {
		_, _ = fmt.Fprintf(g.err, "objects to read: %d, %s, under no budget\n", n, size(bytes))
	}
	list := []digestJSON{}
	var failed error
	for _, arg := range args {
		d, err := in.digest(ctx, arg, p, options, o.chunks, show)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("digest of %s: %w", shownName(arg), err))
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

// digest reads one argument to its end.
func (d *digestInputs) digest(ctx context.Context, arg string, p chunker.Params, o chunker.Options, chunks bool, show *tracker) (out digestJSON, err error) {
	in, bytes, err := d.open(ctx, arg)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	name := shownName(arg)
	show.event(engine.Event{Kind: engine.RunStarted, Shards: 1, Bytes: max(bytes, 0)})
	out = digestJSON{
		Name: name, Algorithm: p.Algorithm, MinBytes: p.MinBytes, AvgBytes: p.AvgBytes, MaxBytes: p.MaxBytes,
		Digests: []chunker.ExtraDigest{},
	}
	r := &shownReader{ctx: ctx, in: in, unknown: bytes == unknownBytes, name: name, show: show}
	sums, err := chunker.Stream(r, p, o, func(c chunker.Chunk) error {
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
