package dispatch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// large fills a manifest with a snapshot of so many shards, a tenth of them at a destination, and jobs with a hundred or a thousand each.
func large(b testing.TB, r *rig, shards, jobs int) {
	b.Helper()
	id := chunker.Sum([]byte("large"))
	err := r.m.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, "c4", manifest.At(r.now()))
		for i := range shards {
			sh := manifest.Shard{Path: fmt.Sprintf("train/shard-%07d.tar", i), Size: 64<<20 + int64(i%1000), ETag: fmt.Sprintf("%016x", i)}
			sh.Digest = chunker.Sum([]byte(sh.Path))
			if err := w.Add(sh); err != nil {
				return err
			}
			if i%10 == 0 {
				err := tx.PutReplica(manifest.Replica{
					Store: "bucket-aws", Key: "data/c4/" + sh.Path, Size: sh.Size, Shard: sh.Digest, ETag: sh.ETag, Seen: manifest.At(r.now()), Verified: manifest.At(r.now()),
				})
				if err != nil {
					return err
				}
			}
		}
		_, err := w.Close()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < jobs; from += 1000 {
		err := r.m.Update(func(tx *manifest.Tx) error {
			for i := from; i < min(jobs, from+1000); i++ {
				n := 100
				if i%10 == 0 {
					n = 1000
				}
				start := uint32(i*7919) % uint32(shards-n)
				j := manifest.Job{
					ID: fmt.Sprintf("job-%05d", i), Dataset: "c4", To: []string{"aws"}, Terms: []string{"range:x"}, Added: manifest.At(r.now()),
					Resolved: manifest.At(r.now()), Snapshot: id, Shards: n, Bytes: int64(n) * 64 << 20, Priority: i % 3, Paths: id,
					Ranges: manifest.Spans(nil).AppendSpan(0, start, start+uint32(n)),
				}
				if i%4 != 0 {
					j.NeedBy = manifest.At(r.now().Add(time.Duration(i%500) * time.Hour))
				}
				if err := tx.PutJob(j); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarge is 10,000 jobs over a million shards, from the manifest: the first plan, the next one after a job changed, and what the heap has then.
func BenchmarkLarge(b *testing.B) {
	r := newRig(b)
	large(b, r, 1_000_000, 10_000)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			r.d = New(r.s, r, r.o)
			if _, err := r.d.Agenda(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-heap")
	})
	b.Run("again", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			j := spec.Job{ID: "job-00042", Dataset: "c4", To: []string{"aws"}, Shards: []string{"range:1"}, Priority: i % 100, OnSourceChange: spec.Fail}
			err := r.m.Update(func(tx *manifest.Tx) error {
				now, _, err := tx.Job(j.ID)
				if err == nil {
					now.Priority = i % 100
					err = tx.PutJob(now)
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			r.d.forget(j.ID)
			if _, err := r.d.Agenda(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.d.List(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReady asks whether a job of 100,000 shards, of a snapshot of a million, is ready: all of it is there and was seen a moment ago.
func BenchmarkReady(b *testing.B) {
	r := newRig(b)
	large(b, r, 1_000_000, 0)
	j := manifest.Job{
		ID: "j", Dataset: "c4", To: []string{"aws"}, Added: manifest.At(r.now()), Resolved: manifest.At(r.now()),
		Snapshot: chunker.Sum([]byte("large")), Shards: 100_000, Ranges: manifest.Spans(nil).AppendSpan(0, 400_000, 500_000),
	}
	var paths []string
	err := r.m.Update(func(tx *manifest.Tx) error {
		err := tx.SnapshotRange(j.Snapshot, 400_000, 500_000, func(sh manifest.Content) error {
			paths = append(paths, sh.Path)
			return tx.PutReplica(manifest.Replica{
				Store: "bucket-aws", Key: "data/c4/" + sh.Path, Size: sh.Size, Shard: sh.Digest, ETag: "e", Seen: manifest.At(r.now()), Verified: manifest.At(r.now()),
			})
		})
		j.Paths = manifest.PathsID(paths, nil)
		return errors.Join(err, tx.PutPaths(j.Paths, paths, nil), tx.PutJob(j))
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ready, err := r.d.Ready(context.Background(), "j", time.Hour); err != nil || !ready.Ready {
			b.Fatalf("%+v, %v", ready, err)
		}
	}
}
