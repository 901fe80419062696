package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/datagravity/datagravity/internal/corpus"
)

const (
	pulledShards     = 4
	pulledShardBytes = 64 << 20
)

// version makes the shards of a dataset in one of its versions.
type version func() [][]byte

// tars are the shards of the first version, and of one in which each was changed.
func (b *bed) tars(change func(seed uint64, c *corpus.Corpus) []byte) (before, after version) {
	n := uint64(max(2, b.scaled(pulledShards)))
	made := func(change func(seed uint64, c *corpus.Corpus) []byte) version {
		return func() (list [][]byte) {
			for i := range n {
				list = append(list, change(i, corpus.Tar(i, pulledShardBytes)))
			}
			return list
		}
	}
	return made(first), made(change)
}

// twoVersions writes both versions of a dataset into one container. left is what a destination has in the end.
func (b *bed) twoVersions(ctx context.Context, name string, before, after version) (container string, left source, shards [2][][]byte, err error) {
	shards = [2][][]byte{before(), after()}
	left = source{sha256: map[string]string{}}
	var objects []object
	for v, list := range shards {
		folder := [2]string{beforeFolder, afterFolder}[v]
		for i, data := range list {
			path := fmt.Sprintf("shard-%06d.tar", i)
			objects = append(objects, object{folder + "/" + path, int64(len(data)), bytes.NewReader(data)})
			if v == 1 {
				sum := sha256.Sum256(data)
				left.sha256[datasetName+"/"+path] = hex.EncodeToString(sum[:])
				left.totalBytes += int64(len(data))
			}
		}
	}
	left.objects = int64(len(left.sha256))
	s, err := b.write(ctx, name, int64(len(objects)), func(i int64) object { return objects[i] })
	return s.container, left, shards, err
}

// edgeSites are the kinds of destinations that an edge stands beside.
func (b *bed) edgeSites() []site {
	return []site{
		{name: "to S3", place: func(ctx context.Context) (place, error) { return b.newS3Place(ctx) }},
		{name: "to GCS", place: b.newGCSPlace},
		{name: "to files", place: func(context.Context) (place, error) { return b.filePlace(), nil }},
	}
}

func (b *bed) newGCSPlace(ctx context.Context) (place, error) {
	name := b.name("dest")
	return place{url: b.gcs.StoreURL(name), endpoint: b.gcs.Endpoint, bucket: name, location: "gcp:us-central1"}, b.gcs.CreateBucket(ctx, name)
}

// pulledChange measures what crosses to an edge when a dataset changed.
type pulledChange struct {
	name, label   string
	before, after version
	percent       float64
	packs         bool
}

func (c pulledChange) run(ctx context.Context, b *bed) (rows []row, err error) {
	container, left, shards, err := b.twoVersions(ctx, c.name, c.before, c.after)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, source{container: container})) }()
	share := func(n int64) float64 { return 100 * float64(n) / float64(left.totalBytes) }
	label := fmt.Sprintf("%s, %d tar shards of %d MiB", c.label, len(shards[1]), pulledShardBytes>>20)
	peer, err := b.copiedAnew(ctx, container, left)
	if err != nil {
		return nil, err
	}
	for _, to := range b.edgeSites() {
		crossed, published, err := c.pulled(ctx, b, container, to, left)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", to.name, err)
		}
		b.say("  %s: %.3f MiB crossed, %.3f MiB were published before", to.name, mib(crossed), mib(published))
		rows = append(rows, atMost(label+", "+to.name+": share that crosses", "%", share(crossed), share(peer), c.percent))
	}
	if n, err := b.patched(ctx, shards); err != nil {
		return nil, err
	} else if n > 0 {
		rows = append(rows, noted(label+": zstd --patch-from of each shard and the one before, for comparison", "%", share(n)))
	}
	return rows, nil
}

// pulled brings the first version to a new place, and then the second, of which all is counted that crosses.
func (c pulledChange) pulled(ctx context.Context, b *bed, container string, to site, left source) (crossed, published int64, err error) {
	at, err := to.place(ctx)
	if err != nil {
		return 0, 0, err
	}
	p, err := b.newAgents(ctx, container, at)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, err := p.publish(ctx, datasetName); err != nil {
		return 0, 0, err
	}
	if _, err := p.pull(ctx, false); err != nil {
		return 0, 0, fmt.Errorf("first version: %w", err)
	}
	if err := p.turnTo(afterFolder); err != nil {
		return 0, 0, err
	}
	if _, err := p.publish(ctx, "old"); err != nil {
		return 0, 0, err
	}
	if published, err = p.publish(ctx, datasetName); err != nil {
		return 0, 0, err
	}
	if crossed, err = p.pull(ctx, c.packs); err != nil {
		return 0, 0, err
	}
	return crossed, published, errors.Join(b.expectSame(ctx, at, left), b.expectTidy(ctx, at))
}

// copiedAnew is what rclone sends to S3 for the second version.
func (b *bed) copiedAnew(ctx context.Context, container string, left source) (int64, error) {
	at, err := b.newS3Place(ctx)
	if err != nil {
		return 0, err
	}
	m, err := b.openMeters()
	if err != nil {
		return 0, err
	}
	var bytes int64
	for _, folder := range []string{beforeFolder, afterFolder} {
		before := m.counts()
		from := b.azurePlace(container).behind(m.source.Through)
		u, err := b.rcloneCommand(append(b.remote("src", from), b.remote("dst", at)...),
			"copy", "--ignore-times", // two versions of one size, written in the same second, are one to it
			"src:"+container+"/"+folder, "dst:"+at.bucket+"/"+datasetName).run(ctx)
		if err != nil {
			return 0, errors.Join(fmt.Errorf("rclone: %w (%s)", err, u), m.close())
		}
		bytes = m.counts().sub(before).source.ReceivedBytes
	}
	return bytes, errors.Join(m.close(), b.expectSame(ctx, at, left), b.drop(at))
}

// patched is the size of what zstd makes of each shard with the one before as its dictionary; 0 if there is no zstd.
func (b *bed) patched(ctx context.Context, shards [2][][]byte) (total int64, err error) {
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		return 0, nil // it is for comparison, where it is installed
	}
	dir, err := os.MkdirTemp(b.dir, "patch-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i, data := range shards[1] {
		old, fresh := filepath.Join(dir, "old"), filepath.Join(dir, "fresh")
		if i >= len(shards[0]) {
			continue
		}
		if err := errors.Join(os.WriteFile(old, shards[0][i], 0o600), os.WriteFile(fresh, data, 0o600)); err != nil {
			return 0, err
		}
		c := exec.CommandContext(ctx, zstd, "-q", "-3", "--long=27", "--patch-from="+old, fresh, "-c")
		out := &countingWriter{}
		c.Stdout = out
		if err := c.Run(); err != nil {
			return 0, fmt.Errorf("zstd --patch-from: %w", err)
		}
		total += out.n
	}
	return total, nil
}

type countingWriter struct{ n int64 }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

func pulledEdited(ctx context.Context, b *bed) ([]row, error) {
	before, after := b.tars(func(seed uint64, c *corpus.Corpus) []byte { data, _ := c.Replace(seed, 0.01); return data })
	return pulledChange{"pulled-edited", "1 % of members replaced", before, after, 1.1, false}.run(ctx, b)
}

func pulledInserted(ctx context.Context, b *bed) ([]row, error) {
	before, after := b.tars(func(seed uint64, c *corpus.Corpus) []byte { data, _ := c.InsertRemove(seed, 0.005, 0.005); return data })
	return pulledChange{"pulled-inserted", "0.5 % of members put in, 0.5 % taken out", before, after, 0.75, false}.run(ctx, b)
}

// pulledShuffled deals the members of all shards out anew.
func pulledShuffled(ctx context.Context, b *bed) ([]row, error) {
	before, _ := b.tars(first)
	after := func() [][]byte {
		n := int(max(2, b.scaled(pulledShards)))
		list := make([]*corpus.Corpus, n)
		for i := range list {
			list[i] = corpus.Tar(uint64(i), pulledShardBytes)
		}
		return corpus.Shuffle(7, list)
	}
	return pulledChange{"pulled-shuffled", "all members dealt out anew", before, after, 0.3, false}.run(ctx, b)
}

// pulledTouched changes a tenth of the bytes of one member in a hundred. The old version can still be read at the source.
func pulledTouched(ctx context.Context, b *bed) ([]row, error) {
	before, after := b.tars(func(seed uint64, c *corpus.Corpus) []byte { data, _ := c.Touch(seed, 0.01, 0.1); return data })
	return pulledChange{"pulled-touched", "1 % of members changed by 10 % of their bytes", before, after, 0.35, true}.run(ctx, b)
}

// pulledText brings text to a place for the first time, packed.
func pulledText(ctx context.Context, b *bed) (rows []row, err error) {
	made := func() (list [][]byte) {
		for i := range max(2, b.scaled(pulledShards)) {
			list = append(list, corpus.Text(uint64(i), pulledShardBytes).Bytes())
		}
		return list
	}
	container, left, _, err := b.twoVersions(ctx, "pulled-text", func() [][]byte { return nil }, made)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, source{container: container})) }()
	for _, to := range b.edgeSites() {
		at, err := to.place(ctx)
		if err != nil {
			return nil, err
		}
		p, err := b.newAgents(ctx, container, at)
		if err != nil {
			return nil, err
		}
		err = p.turnTo(afterFolder)
		var published, crossed int64
		if err == nil {
			published, err = p.publish(ctx, datasetName)
		}
		if err == nil {
			crossed, err = p.pull(ctx, true)
		}
		if err = errors.Join(err, b.expectSame(ctx, at, left), p.close()); err != nil {
			return nil, fmt.Errorf("%s: %w", to.name, err)
		}
		share := func(n int64) float64 { return 100 * float64(n) / float64(left.totalBytes) }
		label := fmt.Sprintf("%d shards of %d MiB of lines of words, for the first time, ", left.objects, pulledShardBytes>>20)
		rows = append(rows, alone(label+to.name+": share that crosses", "%", share(crossed), 40))
		if to.name == "to S3" {
			rows = append(rows, alone(label+"what is published of them", "%", share(published), 0.1))
		}
	}
	return rows, nil
}
