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

	"github.com/datagravity/datagravity/integration/dataset"
	"github.com/datagravity/datagravity/internal/emulator"
)

const (
	// work is the demo's folder, from the module's root.
	work = "build/demo"
	// results has one row for each destination and round.
	results = "build/demo.json"

	containerName = "lake"
	bucketName    = "training"
	datasetName   = "imagenet"
	// sourcePrefix is where the dataset is in the container, destPrefix where it is wanted.
	sourcePrefix = "vision/imagenet/"
	destPrefix   = datasetName + "/"
)

// shape of the dataset: 64 shards of 4 MiB and three that are large enough to travel in parts.
var shape = dataset.Options{Seed: 2026, Name: "train", Shards: 64, ShardBytes: 4 << 20, LargeBytes: []int64{16 << 20, 24 << 20, 40 << 20}}

// demo is one run: the servers, what is in them, and what was found so far.
type demo struct {
	out     io.Writer
	started time.Time
	root    string // the module's root, where commands run
	agent   string // the configuration of the agent that runs the commands

	azure   *emulator.Azurite
	servers []interface{ Stop() error }
	env     []string // credentials of the emulators
	stores  map[string]string

	source  bucketReader
	dests   []*destination
	version *dataset.Dataset
	// retained are objects that the source had and no longer has, by path: destinations keep them.
	retained map[string]dataset.Object

	// firstSnapshot is what the first round replicated, by its first hex digits.
	firstSnapshot string

	commands int // numbers the logs
	rows     []row
	checks   expectations
}

// destination is one of the places that the dataset is wanted at.
type destination struct {
	name, title, location string
	reader                bucketReader
	// assembles: it can put objects of this size together from ranges of others (S3 takes no parts so small, and Cloud Storage no
	// ranges).
	assembles bool
	// By sync's own account, over all rounds: what it cost, the shards' bytes, and everything that was sent.
	spent         money
	payload, wire int64
	snapshot      string
	keys          map[string]int64 // what was there when it was last listed
}

func newDemo(out io.Writer) (*demo, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, errors.New("run it from the module's root, where go.mod is: go run ./integration/demo")
	}
	return &demo{
		out: out, started: time.Now(), root: root, agent: configPath, retained: map[string]dataset.Object{}, checks: expectations{out: out},
	}, nil
}

// say prints a line. That nobody may be listening is no reason to stop: the exit code counts.
func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// title starts a part of the story.
func (d *demo) title(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.say("\n%s\n%s", text, strings.Repeat("-", len(text)))
}

// prepare builds what is needed, starts the servers and writes dataset and configuration.
func (d *demo) prepare(ctx context.Context) error {
	d.say("datagravity demo. The clouds below are EMULATORS on 127.0.0.1: Azurite stands in for Azure Blob, versitygw for S3 and")
	d.say("fake-gcs-server for Google Cloud Storage. Locations and prices are those of the real regions; no money is spent.")
	d.title("Build")
	if err := emulator.Ensure(ctx, emulator.ToolAzurite, emulator.ToolS3, emulator.ToolGCS); err != nil {
		return err
	}
	if err := d.build(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(d.root, work)); err != nil {
		return err
	}
	for _, dir := range []string{"logs", "servers", "lab1"} {
		if err := os.MkdirAll(filepath.Join(d.root, work, dir), 0o755); err != nil {
			return err
		}
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	return d.fill(ctx)
}

func (d *demo) build(ctx context.Context) error {
	d.say("$ make build")
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "build")
	cmd.Dir = d.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make build: %w\n%s", err, out)
	}
	return nil
}

// start starts the servers and opens an independent reader for each place.
func (d *demo) start(ctx context.Context) error {
	dir := filepath.Join(d.root, work, "servers")
	lab := filepath.Join(d.root, work, "lab1")
	azure, err := emulator.StartAzurite(ctx, dir)
	if err != nil {
		return err
	}
	d.azure, d.servers = azure, append(d.servers, azure)
	s3, err := emulator.StartS3(ctx, dir)
	if err != nil {
		return err
	}
	d.servers = append(d.servers, s3)
	gcs, err := emulator.StartGCS(ctx, dir)
	if err != nil {
		return err
	}
	d.servers = append(d.servers, gcs)
	if err := errors.Join(azure.CreateBucket(ctx, containerName), s3.CreateBucket(ctx, bucketName), gcs.CreateBucket(ctx, bucketName)); err != nil {
		return err
	}
	d.env = append(append(azure.Env(), s3.Env()...), gcs.Env()...)
	d.stores = map[string]string{
		"lake": azure.StoreURL(containerName), "s3-east": s3.StoreURL(bucketName), "gcs-central": gcs.StoreURL(bucketName), "lab-disk": "file://" + lab,
	}
	if d.source, err = newAzureReader(azure, containerName); err != nil {
		return err
	}
	d.dests = []*destination{
		{name: "s3", title: "s3 (emulator)", location: "aws:us-east-1", reader: newS3Reader(s3, bucketName)},
		{name: "gcs", title: "gcs (emulator)", location: "gcp:us-central1", reader: gcsReader{gcs.Endpoint, bucketName}},
		{name: "lab", title: "lab (directory)", location: "onprem:lab1", reader: dirReader(lab), assembles: true},
	}
	return nil
}

// fill makes the dataset and writes the configuration.
func (d *demo) fill(ctx context.Context) error {
	d.title("The dataset, at the source")
	d.version = dataset.Make(shape)
	begun := time.Now()
	if err := d.version.WriteAzure(ctx, d.azure, containerName, sourcePrefix); err != nil {
		return err
	}
	d.say("%d objects, %s: WebDataset shards of .jpg and .json members and %s, in the Azure emulator (Azurite) as %s/%s,",
		len(d.version.Objects()), size(d.version.SizeBytes()), dataset.IndexPath, containerName, sourcePrefix)
	d.say("written in blocks, without a Content-MD5, in %s.", time.Since(begun).Round(100*time.Millisecond))
	if err := d.writeConfig(); err != nil {
		return err
	}
	d.title("The configuration, %s", configPath)
	d.say("%s", strings.TrimSpace(d.config()))
	d.say("\nThe emulators' credentials are public. To type the commands below yourself while the servers run (-hold):")
	d.say("$ . %s", envPath)
	for _, kv := range d.env {
		d.say("  export %s", kv)
	}
	return nil
}

// stop stops the servers, the last first. It may be called at any time.
func (d *demo) stop() (err error) {
	for i := len(d.servers) - 1; i >= 0; i-- {
		err = errors.Join(err, d.servers[i].Stop())
	}
	d.servers = nil
	return err
}

// hold waits for Ctrl-C.
func (d *demo) hold(ctx context.Context) {
	d.say("\nThe emulators stay up until Ctrl-C. In another terminal, in %s:\n$ . %s", d.root, envPath)
	d.say("$ %s plan %s --to s3\n$ %s doctor", d.program(), datasetName, d.program())
	<-ctx.Done()
}
