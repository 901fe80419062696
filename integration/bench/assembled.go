package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

const (
	assembledBytes = 1 << 30
	// assembledRate is MB of the shard that come to be for each second of CPU.
	assembledRate = 400
	// assembledMiB of memory are all that it may take.
	assembledMiB = 128
)

// assembled measures an edge with one core, which makes a shard of what its destination holds and of 1 % from the source. The source turns from one
// version to the other and back, so that each run moves as much and finds the other version at its destination. The servers have the other cores.
func assembled(ctx context.Context, b *bed) (rows []row, err error) {
	core, err := lastCore()
	if err != nil {
		return nil, err
	}
	a := &assembling{bed: b, core: core}
	if err := a.write(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, source{container: a.container})) }()
	for _, to := range b.edgeSites() {
		if to.name == "to GCS" {
			continue // the emulator takes what it is sent into memory
		}
		more, err := a.at(ctx, to)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", to.name, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// assembling is a shard in two versions, and the core that both programs are measured on.
type assembling struct {
	*bed
	core      int
	container string
	size      int64
	versions  map[string]source // by folder
	folders   []string          // in turn
}

// write makes both versions.
func (a *assembling) write(ctx context.Context) error {
	shard := corpus.Tar(1, a.scaled(assembledBytes))
	edited, _ := shard.Replace(1, 0.01)
	both := map[string][]byte{beforeFolder: shard.Bytes(), afterFolder: edited}
	a.folders, a.versions = []string{afterFolder, beforeFolder}, map[string]source{}
	const path = "shard-000000.tar"
	var objects []object
	for folder, data := range both {
		sum := sha256.Sum256(data)
		a.versions[folder] = source{objects: 1, totalBytes: int64(len(data)), sha256: map[string]string{datasetName + "/" + path: hex.EncodeToString(sum[:])}}
		objects = append(objects, object{folder + "/" + path, int64(len(data)), bytes.NewReader(data)})
		a.size = int64(len(data)) // the other one differs by some KiB
	}
	s, err := a.bed.write(ctx, "assembled", int64(len(objects)), func(i int64) object { return objects[i] })
	a.container = s.container
	return err
}

// at measures one kind of destination.
func (a *assembling) at(ctx context.Context, to site) (rows []row, err error) {
	at, err := to.place(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.newAgents(ctx, a.container, at)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, err := p.publish(ctx, datasetName); err != nil {
		return nil, err
	}
	if _, err := p.pull(ctx, false); err != nil {
		return nil, fmt.Errorf("first version: %w", err)
	}
	aside, err := to.place(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.drop(aside)) }()
	way := ""
	both, err := alternate(ctx, a.bed, a.runs,
		func(ctx context.Context, run int) (u usage, err error) {
			u, way, err = a.again(ctx, p, a.folders[run%2])
			return u, err
		},
		func(ctx context.Context, run int) (usage, error) { return a.copied(ctx, aside, a.folders[run%2]) })
	if err != nil {
		return nil, err
	}
	rate := func(seconds func(usage) float64) func(usage) float64 {
		return func(u usage) float64 { return float64(a.size) / 1e6 / seconds(u) }
	}
	name := fmt.Sprintf("a shard of %d MiB of which 1 %% is new, %s, one core (%s): ", a.scaled(assembledBytes)>>20, to.name, way)
	cpu, peerCPU := both.medians(rate(cpuSeconds))
	wall, peerWall := both.medians(rate(wallSeconds))
	memory, peerMemory := both.medians(peakMiB)
	rows = []row{
		atLeast(name+"a second of CPU makes", "MB/s", cpu, peerCPU, assembledRate),
		told(name+"a second makes", "MB/s", wall, peerWall),
		atMost(name+"peak RssAnon", "MiB", memory, peerMemory, assembledMiB),
	}
	if file := filepath.Join(at.bucket, datasetName, "shard-000000.tar"); to.name == "to files" {
		floor, err := hashingRate(file)
		if err != nil {
			return nil, err
		}
		rows = append(rows, noted("BLAKE3 of that file on one core, nothing else", "MB/s", floor))
	}
	return rows, nil
}

// again has the edge go over to another version, and tells which way it took.
func (a *assembling) again(ctx context.Context, p *twoAgents, folder string) (u usage, way string, err error) {
	if err := p.turnTo(folder); err != nil {
		return u, "", err
	}
	if _, err := p.publish(ctx, datasetName); err != nil {
		return u, "", err
	}
	if u, err = a.alone(ctx, p.edge.sync()); err != nil {
		return u, "", err
	}
	said, err := readSummary(u)
	if err != nil {
		return u, "", err
	}
	for w := range said.Ways {
		way = w
	}
	if most := a.size / 50; len(said.Ways) != 1 || said.MovedBytes == 0 || said.MovedBytes > most {
		return u, "", fmt.Errorf("the edge took the ways %v and moved %d bytes, want one way and up to %d", said.Ways, said.MovedBytes, most)
	}
	return u, way, errors.Join(a.expectSame(ctx, p.to, a.versions[folder]), a.expectTidy(ctx, p.to))
}

// copied has rclone bring the whole version.
func (a *assembling) copied(ctx context.Context, at place, folder string) (usage, error) {
	from := a.azurePlace(a.container)
	c := a.rcloneCommand(append(a.remote("src", from), a.remote("dst", at)...), "copy", "--ignore-times",
		"src:"+a.container+"/"+folder, "dst:"+at.bucket+"/"+datasetName)
	u, err := a.alone(ctx, c)
	return u, errors.Join(err, a.expectSame(ctx, at, a.versions[folder]))
}

// alone runs a command on the core, which nothing else of this benchmark has meanwhile.
func (a *assembling) alone(ctx context.Context, c command) (u usage, err error) {
	if err := settle(ctx); err != nil {
		return u, err
	}
	back, err := leaveCore(a.core)
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, back()) }()
	c.core = &a.core
	return c.run(ctx)
}

// hashingRate is that of b3sum --num-threads 1: a file that is in the page cache is read and hashed. It is in MB for each second of CPU.
func hashingRate(path string) (rate float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, 1<<20)
	for range 2 { // the first time brings it into the page cache
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		before, err := cpuTime()
		if err != nil {
			return 0, err
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{chunker.NewHasher()}, struct{ io.Reader }{f}, buf)
		if err != nil {
			return 0, err
		}
		after, err := cpuTime()
		if err != nil {
			return 0, err
		}
		rate = float64(n) / 1e6 / (after - before)
	}
	return rate, nil
}
