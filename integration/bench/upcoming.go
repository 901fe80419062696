package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	upcomingShards = 1_000_000
	upcomingJobs   = 10_000
	// upcomingAtOnce is how many records go into a transaction.
	upcomingAtOnce = 50_000
)

// upcoming writes into a state directory a snapshot of so many shards of 64 MiB, every tenth of them at destination "site", and jobs that select
// a hundred of them or, every tenth job, a thousand. Three of four jobs are needed at some time in the next three weeks. All are pinned to the
// snapshot, as the daemon leaves jobs that it has looked at.
func upcoming(dir string, shards, jobs int) (err error) {
	m, err := manifest.OpenDir(dir, manifest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	now := m.Now()
	id := chunker.Sum([]byte("upcoming"))
	if err := upcomingSnapshot(m, id, shards); err != nil {
		return err
	}
	for from := 0; from < shards; from += upcomingAtOnce {
		if err := m.Update(func(tx *manifest.Tx) error { return upcomingReplicas(tx, from, min(shards, from+upcomingAtOnce), now) }); err != nil {
			return err
		}
	}
	return m.Update(func(tx *manifest.Tx) error {
		for i := range jobs {
			j, paths := upcomingJob(i, shards, id, now)
			if err := errors.Join(tx.PutPaths(j.Paths, paths, nil), tx.PutJob(j)); err != nil {
				return err
			}
		}
		return nil
	})
}

func upcomingShard(i int) manifest.Shard {
	s := manifest.Shard{Path: fmt.Sprintf("%04d/shard-%08d.tar", i/1000, i), Size: 64<<20 + int64(i%1000), ETag: fmt.Sprintf("0x8DE%012X", i)}
	s.Digest = chunker.Sum([]byte(s.Path))
	return s
}

func upcomingSnapshot(m *manifest.Manifest, id chunker.Digest, shards int) error {
	return m.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, datasetName, manifest.At(m.Now()))
		for i := range shards {
			if err := w.Add(upcomingShard(i)); err != nil {
				return err
			}
		}
		_, err := w.Close()
		return err
	})
}

func upcomingReplicas(tx *manifest.Tx, from, to int, at time.Time) error {
	now := manifest.At(at)
	for i := from; i < to; i += 10 {
		s := upcomingShard(i)
		err := tx.PutReplica(manifest.Replica{
			Store: "site", Key: datasetName + "/" + s.Path, Size: s.Size, Shard: s.Digest, ETag: s.ETag, Written: now, Seen: now, Verified: now, Proof: "upload",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// upcomingJobID names the i-th job.
func upcomingJobID(i int) string { return fmt.Sprintf("job-%05d", i) }

// upcomingJob is the i-th job, and the paths that it selects.
func upcomingJob(i, shards int, snapshot chunker.Digest, now time.Time) (manifest.Job, []string) {
	n := min(100, shards/2)
	if i%10 == 0 {
		n = min(1000, shards/2)
	}
	first := uint32(i*7919) % uint32(shards-n)
	j := manifest.Job{
		ID: upcomingJobID(i), Dataset: datasetName, To: []string{"site"}, Terms: []string{fmt.Sprintf("range:%d-%d", first, first+uint32(n)-1)},
		Priority: i % 3, Keep: time.Hour.Milliseconds(), Added: manifest.At(now), Resolved: manifest.At(now), Snapshot: snapshot, Shards: n,
		Bytes: int64(n) * 64 << 20, Ranges: manifest.Spans(nil).AppendSpan(0, first, first+uint32(n)),
	}
	if i%4 != 0 {
		j.NeedBy = manifest.At(now.Add(time.Duration(1+i%500) * time.Hour))
	}
	paths := make([]string, n)
	for k := range paths {
		paths[k] = upcomingShard(int(first) + k).Path
	}
	j.Paths = manifest.PathsID(paths, nil)
	return j, paths
}
