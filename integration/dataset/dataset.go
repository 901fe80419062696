package dataset

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
)

// IndexPath is the wids index of a dataset; it lists every shard with its samples and bytes.
const IndexPath = "index.json"

// Options describe a dataset.
type Options struct {
	// Seed chooses its bytes; every number is a seed, 0 too.
	Seed uint64
	// Name starts the names of the shards, train-000000.tar. "": train.
	Name string
	// Shards of about ShardBytes each. 0: 64.
	Shards int
	// ShardBytes is the size at which a shard is full, as WebDataset's maxsize: it has the samples that reach it. 0: 4 MiB.
	ShardBytes int64
	// LargeBytes are the sizes of further shards, one each, for transfers in parts. nil: none.
	LargeBytes []int64
	// MinImageBytes and MaxImageBytes bound a .jpg member. 0: 20 KiB and 200 KiB.
	MinImageBytes, MaxImageBytes int64
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "train"
	}
	if o.Shards == 0 {
		o.Shards = 64
	}
	if o.ShardBytes == 0 {
		o.ShardBytes = 4 << 20
	}
	if o.MinImageBytes == 0 {
		o.MinImageBytes = 20 << 10
	}
	if o.MaxImageBytes == 0 {
		o.MaxImageBytes = max(200<<10, o.MinImageBytes)
	}
	return o
}

// Dataset is one version of a dataset: what its objects are called and how their bytes are made. It never changes.
type Dataset struct {
	options Options
	shards  []*shard
	// The first numbers that no shard and no sample ever had, in this version or an earlier one.
	nextShard, nextSample int
}

// Make describes a dataset.
func Make(o Options) *Dataset {
	d := &Dataset{options: o.withDefaults()}
	sizes := make([]int64, d.options.Shards, d.options.Shards+len(o.LargeBytes))
	for i := range sizes {
		sizes[i] = d.options.ShardBytes
	}
	random := rand.New(rand.NewPCG(o.Seed, 0))
	for _, fullBytes := range append(sizes, d.options.LargeBytes...) {
		d.shards = append(d.shards, d.newShard(random, fullBytes))
	}
	return d
}

// newShard describes a shard under the next number, filled to fullBytes.
func (d *Dataset) newShard(random *rand.Rand, fullBytes int64) *shard {
	s := &shard{path: d.shardPath(d.nextShard, "")}
	d.nextShard++
	for size := int64(0); size < fullBytes; {
		p := d.newSample(random)
		s.samples = append(s.samples, p)
		size += p.tarBytes()
	}
	return s
}

func (d *Dataset) shardPath(number int, suffix string) string {
	return fmt.Sprintf("%s-%06d%s.tar", d.options.Name, number, suffix)
}

func (d *Dataset) newSample(random *rand.Rand) sample {
	p := sample{seed: d.options.Seed, number: d.nextSample, imageBytes: d.imageBytes(random)}
	d.nextSample++
	return p
}

func (d *Dataset) imageBytes(random *rand.Rand) int64 {
	return d.options.MinImageBytes + random.Int64N(d.options.MaxImageBytes-d.options.MinImageBytes+1)
}

// Object is one object of a dataset.
type Object struct {
	// Path within the dataset, for example train-000000.tar.
	Path string
	// SizeBytes is what WriteTo writes.
	SizeBytes int64
	write     func(io.Writer) error
}

// WriteTo writes the object's bytes, generating them on the way. Its errors are those of w.
func (o Object) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	err := o.write(c)
	if err == nil && c.n != o.SizeBytes {
		err = fmt.Errorf("%s came out %d bytes long, described as %d", o.Path, c.n, o.SizeBytes)
	}
	return c.n, err
}

// Content is the object's bytes, all in memory.
func (o Object) Content() []byte {
	b := &appender{make([]byte, 0, o.SizeBytes)}
	if _, err := o.WriteTo(b); err != nil {
		panic(err) // memory takes every write
	}
	return b.data
}

// Objects are the shards in the order of their names, then the index: the order in which they may be published.
func (d *Dataset) Objects() []Object {
	out := make([]Object, 0, len(d.shards)+1)
	for _, s := range d.shards {
		out = append(out, s.object())
	}
	return append(out, d.index())
}

// SizeBytes is the size of all objects together.
func (d *Dataset) SizeBytes() (n int64) {
	for _, o := range d.Objects() {
		n += o.SizeBytes
	}
	return n
}

// index is the dataset's shard list in the form of wids, https://github.com/webdataset/webdataset, without the optional
// md5sum of each shard.
func (d *Dataset) index() Object {
	type entry struct {
		URL      string `json:"url"`
		Samples  int    `json:"nsamples"`
		FileSize int64  `json:"filesize"`
	}
	list := struct {
		Kind    string  `json:"__kind__"`
		Version int     `json:"wids_version"`
		Name    string  `json:"name"`
		Shards  []entry `json:"shardlist"`
	}{Kind: "wids-shard-index-v1", Version: 1, Name: d.options.Name}
	for _, s := range d.shards {
		list.Shards = append(list.Shards, entry{s.path, len(s.samples), s.sizeBytes()})
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return Object{Path: IndexPath, SizeBytes: int64(len(data)), write: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// appender keeps what is written in memory that was made for it.
type appender struct{ data []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.data = append(a.data, p...)
	return len(p), nil
}
