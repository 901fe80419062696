package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/emulator"
)

// bed is what the benchmarks of an area share: the programs and the servers.
type bed struct {
	out     io.Writer
	started time.Time
	runs    int
	scale   float64

	dir    string // build/bench-NUMBER, absolute; removed at the end
	ours   string // the binary
	rclone string
	azure  *emulator.Azurite
	s3     *emulator.S3
	gcs    *emulator.GCS // of area agents
	env    []string      // credentials of the servers
	names  int           // numbers buckets and folders
}

// emptyBed has a folder of its own and nothing in it.
func emptyBed(out io.Writer, o options) (*bed, error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return nil, errors.New("run it from the module's root, where go.mod is: make bench")
	}
	root, err := filepath.Abs("build")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(root, "bench-") // two at once must not take each other's data away
	if err != nil {
		return nil, err
	}
	return &bed{out: out, started: time.Now(), runs: o.runs, scale: o.scale, dir: dir}, nil
}

func newBed(ctx context.Context, out io.Writer, o options) (b *bed, err error) {
	if b, err = emptyBed(out, o); err != nil {
		return nil, err
	}
	made := b // what is returned is nil when it fails
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	if err := emulator.Ensure(ctx, emulator.ToolRclone, emulator.ToolAzurite, emulator.ToolS3, emulator.ToolGCS); err != nil {
		return nil, err
	}
	if b.rclone, err = emulator.ToolRclone.Path(); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	if b.azure, err = emulator.StartAzurite(ctx, filepath.Join(b.dir, "servers")); err != nil {
		return nil, err
	}
	if b.s3, err = emulator.StartS3(ctx, filepath.Join(b.dir, "servers")); err != nil {
		return nil, err
	}
	b.env = append(b.azure.Env(), b.s3.Env()...)
	return b, nil
}

// build makes the program that is measured.
func (b *bed) build(ctx context.Context) error {
	b.ours = filepath.Join(b.dir, "datagravity")
	return goTool(ctx, "build", "-trimpath", "-o", b.ours, "./cmd/datagravity")
}

// goTool makes a program that is measured with the go command.
func goTool(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return nil
}

// close stops the servers and removes everything but the results.
func (b *bed) close() (err error) {
	if b.azure != nil {
		err = errors.Join(err, b.azure.Stop())
	}
	if b.s3 != nil {
		err = errors.Join(err, b.s3.Stop())
	}
	if b.gcs != nil {
		err = errors.Join(err, b.gcs.Stop())
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// say writes a line with the time since the start.
func (b *bed) say(format string, args ...any) {
	fmt.Fprintf(b.out, "%6.0fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// scaled is the share of n that this run works on, at least one.
func (b *bed) scaled(n int64) int64 { return max(1, int64(float64(n)*b.scale)) }

// name is one that no bucket and no folder of this area has yet.
func (b *bed) name(of string) string {
	b.names++
	return fmt.Sprintf("%s-%03d", of, b.names)
}

// bucket makes a new bucket.
func (b *bed) bucket(ctx context.Context, of string) (string, error) {
	name := b.name(of)
	return name, b.s3.CreateBucket(ctx, name)
}

// drop removes a bucket of the S3 server or a folder with all that is in it, so that runs do not fill the disk. What the server
// keeps is a folder too, and is removed as one: over its API that takes a request an object.
func (b *bed) drop(at place) error {
	if strings.HasPrefix(at.url, "s3://") {
		return os.RemoveAll(filepath.Join(b.dir, "servers", "s3", at.bucket))
	}
	return os.RemoveAll(at.bucket)
}
