package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// These are failures that users of transfer tools reported, each with the trial that shows it; the tools are named.

// rclone 87, 7451; aws-cli 1425; azcopy 1831: a big transfer that was stopped starts from byte 0, at either end.
func TestResumeReadsAndSendsOnlyWhatIsMissing(t *testing.T) {
	for _, indexed := range []bool{false, true} {
		t.Run(fmt.Sprintf("indexed=%v", indexed), func(t *testing.T) {
			r := newRig(t)
			big := data(1, 20<<20+777)
			r.put("big.bin", big)
			if indexed {
				s := r.open()
				if _, err := s.Index(context.Background(), r.src); err != nil {
					t.Fatal(err)
				}
				r.close()
			}
			ctx, stop := context.WithCancel(context.Background())
			sent := 0
			h := &hooked{Store: r.dest, afterPart: func(int) {
				if sent++; sent == 12 {
					stop()
				}
			}}
			r.dst.Store = h
			s := r.open()
			if _, err := s.Sync(ctx, r.request()); !errors.Is(err, context.Canceled) {
				t.Fatalf("the interrupted sync: %v", err)
			}
			r.close()

			readBefore, sentBefore := r.source.Stats()["read"].ReceivedBytes, r.dest.Stats()["part"].SentBytes
			h.afterPart = nil
			rep := r.mustSync()
			read := r.source.Stats()["read"].ReceivedBytes
			again := r.dest.Stats()["part"].SentBytes
			r.equal()
			inFlight := int64(r.options.PartsPerShard+1) * (r.options.PartBytes + 256<<10)
			missing := int64(len(big)) - rep.ResumedBytes
			if rep.ResumedBytes < 8<<20 {
				t.Errorf("only %d bytes were resumed", rep.ResumedBytes)
			}
			if got := read - readBefore; got > missing+inFlight {
				t.Errorf("read %d bytes again, %d were missing", got, missing)
			}
			if got := again - sentBefore; got > missing+inFlight {
				t.Errorf("sent %d bytes, %d were missing", got, missing)
			}
		})
	}
}

// huggingface_hub 3726: stopped after all parts, before the commit: everything sent again.
func TestStoppedBeforeCompletionSendsNoPartAgain(t *testing.T) {
	r := newRig(t)
	r.put("big.bin", data(1, 5<<20))
	ctx, stop := context.WithCancel(context.Background())
	h := &hooked{Store: r.dest, onComplete: func() error { stop(); return context.Canceled }}
	r.dst.Store = h
	s := r.open()
	if _, err := s.Sync(ctx, r.request()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r.close()
	h.onComplete = nil
	before := r.dest.Stats()["part"].Requests
	rep := r.mustSync()
	if after := r.dest.Stats()["part"].Requests; after != before || rep.MovedBytes != 0 {
		t.Errorf("%d parts sent again, %d bytes moved", after-before, rep.MovedBytes)
	}
	r.equal()
}

// The answer to the completion is lost and the process ends: the object is recognised, nothing is sent again.
func TestCompletedButNotRecorded(t *testing.T) {
	for _, size := range []int{5 << 20, 1000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRig(t)
			r.put("x.bin", data(1, size))
			ctx, stop := context.WithCancel(context.Background())
			dest := fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{
				{Kind: fault.After, Op: "complete", Optional: true}, {Kind: fault.After, Op: "put", Key: "data/**", Optional: true},
			}})
			r.dst.Store = dest
			s := r.open()
			if _, err := s.Sync(ctx, r.request()); err == nil {
				t.Fatal("the lost answer was no error")
			}
			stop()
			r.close()
			r.dst.Store = r.dest
			sent := r.dest.Stats().Total().SentBytes
			r.mustSync()
			if again := r.dest.Stats().Total().SentBytes - sent; again > 2000 {
				t.Errorf("%d bytes were sent again", again)
			}
			r.equal()
		})
	}
}

// azcopy 2461, 2975: after a resume old failures are still counted. azcopy, seaweedfs 11010: a watermark passes a failed item.
func TestFailedShardIsPendingAndThenCountsOnce(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.put(fmt.Sprintf("s-%d.tar", i), data(uint64(i), 10_000))
	}
	r.src.Store = fault.Wrap(r.source, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "read", Key: "c4/s-3.tar", Err: store.ErrPermanent}}})
	rep, err := r.sync()
	if !errors.Is(err, ErrFailed) || len(rep.Failures) != 1 || rep.Failures[0].Path != "s-3.tar" || rep.Ready {
		t.Fatalf("%v, failures %v, ready %v", err, rep.Failures, rep.Ready)
	}
	r.src.Store = r.source
	rep = r.mustSync()
	if got := ways(rep.Summary); got != "have:9 full:1 " || len(rep.Failures) != 0 {
		t.Errorf("after mending: %s, failures %v", got, rep.Failures)
	}
}

// azcopy 1359, 3171, 3563; juicefs 6890: a source that is rewritten while it is read is noticed and never mixed, whatever the
// moment, also with the same size and time.
func TestSourceRewrittenAfterEachPart(t *testing.T) {
	const size = 6 << 20
	for after := range 7 {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("after=%d known=%v", after, known), func(t *testing.T) {
				r := newRig(t)
				r.put("big.bin", data(1, size))
				r.put("other.bin", data(2, 50_000))
				if known {
					s := r.open()
					if _, err := s.Index(context.Background(), r.src); err != nil {
						t.Fatal(err)
					}
					r.close()
				}
				reads := 0
				r.src.Store = &hooked{Store: r.source, beforeRead: func(key string, _ int64) {
					if key != "c4/big.bin" {
						return
					}
					if reads++; reads == after+1 {
						putObject(t, r.source, "c4/big.bin", data(3, size))
					}
				}}
				r.mustSync()
				r.equal()
			})
		}
	}
}

// juicefs 7070: a source deleted between the listing and its read is one clean line, and the rest goes on.
func TestSourceDeletedWhilePending(t *testing.T) {
	r := newRig(t)
	for i := range 6 {
		r.put(fmt.Sprintf("s-%d.tar", i), data(uint64(i), 10_000))
	}
	once := false
	r.src.Store = &hooked{Store: r.source, beforeRead: func(string, int64) {
		if !once {
			once = true
			if err := r.source.Delete(context.Background(), store.Ref{Key: "c4/s-5.tar"}); err != nil {
				t.Error(err)
			}
		}
	}}
	rep := r.mustSync()
	if rep.Snapshot.Shards != 5 {
		t.Errorf("the snapshot has %d shards", rep.Snapshot.Shards)
	}
	r.equal()
}

// dvc 10498; streaming 566, 759: a truncated object under its final name, and then "up to date".
func TestVerifyFindsAndSyncMends(t *testing.T) {
	r := newRig(t)
	whole := data(1, 300_000)
	r.put("a.tar", whole)
	r.put("b.tar", data(2, 1000))
	r.mustSync()
	putObject(t, r.dest, "data/c4/a.tar", whole[:100_000])
	s := r.open()
	v, err := s.Verify(context.Background(), r.src, r.dst, 0)
	if err != nil || len(v.Wrong) != 1 || v.Checked != 2 || v.Wrong[0].Reason != "changed" {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	r.close()
	// What is left of the object is proven to be ours, so that nobody has to allow that it is replaced.
	rep := r.mustSync()
	if got := ways(rep.Summary); got != "have:1 full:1 " {
		t.Errorf("repair: %s", got)
	}
	r.equal()
	s = r.open()
	defer r.close()
	if v, err := s.Verify(context.Background(), r.src, r.dst, 1); err != nil || len(v.Wrong) != 0 || v.Bytes != 301_000 {
		t.Errorf("verify with reading: %+v, %v", v, err)
	}
}

// azcopy 255; mc 4047; rclone 988: a listing that is empty, fails on its second page or comes from an unmounted directory.
func TestBadListingsDeleteNothing(t *testing.T) {
	r := newRig(t)
	for i := range 20 {
		r.put(fmt.Sprintf("s-%02d.tar", i), data(uint64(i), 1000))
	}
	r.mustSync()
	for name, rule := range map[string]fault.Rule{
		"empty":       {Kind: fault.ListEmpty, Op: "list"},
		"first page":  {Kind: fault.Before, Op: "list", Err: store.ErrTransient},
		"second page": {Kind: fault.Before, Op: "list", Continued: true, Err: store.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Wrap(smallPages{r.source}, fault.Plan{Rules: []fault.Rule{rule}})
			r.src.Store = f
			rep, err := r.sync()
			if err == nil || rep.Ready {
				t.Errorf("ready %v, %v", rep.Ready, err)
			}
			f.VerifyAllHit(t)
			if n := r.dest.Stats()["delete"].Requests; n != 0 {
				t.Errorf("%d deletions", n)
			}
		})
	}
	t.Run("unmounted directory", func(t *testing.T) {
		dir := t.TempDir()
		f, err := file.Open(dir+"/data", file.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		putObject(t, f, "c4/x.tar", data(1, 10))
		if err := moveAway(dir + "/data"); err != nil {
			t.Fatal(err)
		}
		r.src.Store = f
		if _, err := r.sync(); err == nil {
			t.Error("a directory that is gone was listed without an error")
		}
	})
}

// rclone 1655, 2672, 4576: a cap that overshoots with several streams, throws away paid bytes, or forgets at a restart.
func TestBudgetHoldsWithManyStreams(t *testing.T) {
	r := newRig(t)
	const shard = 4 << 20
	for i := range 5 {
		r.put(fmt.Sprintf("s-%d.tar", i), data(uint64(i), shard))
	}
	r.budgets = []cost.Budget{{Name: "cap", LimitBytes: shard * 5 / 2}}
	if _, err := r.sync(); !errors.Is(err, cost.ErrBudget) {
		t.Fatalf("a plan over budget: %v", err)
	}
	if n := r.source.Stats()["read"].ReceivedBytes; n != 0 {
		t.Errorf("%d bytes were read for a plan that was refused", n)
	}
	rep, err := r.sync(func(q *Request) { q.Partial = true })
	if !errors.Is(err, cost.ErrBudget) || len(rep.Deferred) != 3 || rep.Ready {
		t.Fatalf("partial: %v, %d deferred", err, len(rep.Deferred))
	}
	if got := r.dest.Stats().Total().SentBytes; got > shard*5/2 {
		t.Errorf("%d bytes crossed, the cap is %d", got, shard*5/2)
	}
	// A new process remembers what was spent: nothing more fits.
	rep, err = r.sync(func(q *Request) { q.Partial = true })
	if !errors.Is(err, cost.ErrBudget) || rep.MovedBytes != 0 {
		t.Errorf("after a restart: %v, moved %d", err, rep.MovedBytes)
	}
	r.budgets[0].LimitBytes = 100 << 20
	r.mustSync()
	r.equal()
	if got := r.dest.Stats()["part"].SentBytes; got != 5*shard {
		t.Errorf("%d part bytes were sent for %d", got, 5*shard)
	}
}

// rclone 9383; azcopy 1023, 1888; rclone 753, 6011: odd keys are exact or refused by name, all at once, before anything moves.
func TestOddNamesAreExactOrRefused(t *testing.T) {
	odd := []string{"a//b", "/a", "a/./b", "a/../b", "a b", "+", "%2F", "?", "#", "new\nline", strings.Repeat("k", 1000), "foo", "foo/bar"}
	r := newRig(t)
	for i, k := range odd {
		r.put(k, data(uint64(i), 100+i))
	}
	r.put("folder/", nil) // a console's folder marker is no shard
	rep := r.mustSync()
	if rep.Snapshot.Shards != len(odd) {
		t.Errorf("%d shards of %d", rep.Snapshot.Shards, len(odd))
	}
	r.equal()

	f, err := file.Open(t.TempDir(), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.dst.Store, r.dst.Destination.Store = f, "lab"
	_, err = r.sync()
	if !errors.Is(err, plan.ErrNames) {
		t.Fatalf("a file store took %v: %v", odd, err)
	}
	for _, k := range []string{`"data/c4/a//b"`, `"data/c4/a/./b"`, `"data/c4/a/../b"`, `"data/c4/foo" is a file and the folder`} {
		if !strings.Contains(err.Error(), k) {
			t.Errorf("the refusal does not name %s: %v", k, err)
		}
	}
	page, err := f.List(context.Background(), store.ListOptions{})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("something moved: %v, %v", page.Objects, err)
	}
}

// azcopy 2613, 866, 1858: "aa" matches "aab/file".
func TestPrefixIsAFolder(t *testing.T) {
	r := newRig(t)
	r.put("x.tar", data(1, 10))
	putObject(t, r.source, "c4-old/y.tar", data(2, 10))
	putObject(t, r.source, "c4x", data(3, 10))
	if rep := r.mustSync(); rep.Snapshot.Shards != 1 {
		t.Errorf("%d shards", rep.Snapshot.Shards)
	}
}

// One flipped bit on the way, at either side, is never recorded as present.
func TestCorruptionInFlight(t *testing.T) {
	for _, size := range []int{1000, 3 << 20} {
		for _, known := range []bool{false, true} {
			for _, side := range []string{"read", "write"} {
				t.Run(fmt.Sprintf("%d/%v/%s", size, known, side), func(t *testing.T) {
					if side == "read" && !known {
						t.Log("a first read has nothing to be compared with but the transport's own checksums")
					}
					r := newRig(t)
					r.put("x.bin", data(5, size))
					if known {
						s := r.open()
						if _, err := s.Index(context.Background(), r.src); err != nil {
							t.Fatal(err)
						}
						r.close()
					}
					if side == "read" {
						r.src.Store = fault.Wrap(r.source, fault.Plan{Seed: 3, Rules: []fault.Rule{{Kind: fault.CorruptRead, Op: "read", Times: 1}}})
					} else {
						r.dst.Store = fault.Wrap(r.dest, fault.Plan{Seed: 3, Rules: []fault.Rule{{Kind: fault.CorruptWrite, Key: "data/**", Times: 1}}})
					}
					rep, err := r.sync()
					if side == "write" && !errors.Is(err, store.ErrIntegrity) {
						t.Fatalf("corrupt write: %v", err)
					}
					if known && side == "read" && (err != nil || !rep.Ready) {
						t.Fatalf("one corrupt read must be read again: %v", err)
					}
					if known || side == "write" {
						r.src.Store, r.dst.Store = r.source, r.dest
						r.mustSync()
						r.equal()
					}
				})
			}
		}
	}
}

// smallPages makes listings of several pages.
type smallPages struct{ store.Store }

func (s smallPages) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	o.Max = 7
	return s.Store.List(ctx, o)
}

// Layouts of parts for sizes at which fixed part sizes fail after days (rclone 6115, azure-cli 21914, blobxfer 28).
func TestPartsOfHugeShardsFitEveryBackend(t *testing.T) {
	const gib = int64(1) << 30
	for name, limits := range map[string]store.PartLimits{
		"s3":    {MinBytes: 5 << 20, MaxBytes: 5 * gib, MaxParts: 10_000},
		"azure": {MinBytes: 1, MaxBytes: 4000 << 20, MaxParts: 50_000},
	} {
		for _, size := range []int64{488*gib/10 + 1, 195*gib + 1, 640_000_000_000, 475 * gib * 1024 / 100} {
			part, count := engine.PartSizeFor(size, 8<<20, limits)
			if count > int64(limits.MaxParts) || part < limits.MinBytes || part > limits.MaxBytes || part&(part-1) != 0 || part*count < size {
				t.Errorf("%s: %d bytes in %d parts of %d", name, size, count, part)
			}
		}
	}
}

// An object that somebody else wrote over ours is not ours because it is short: one other byte, and it stays.
func TestShortObjectOfAnotherIsKept(t *testing.T) {
	r := newRig(t)
	whole := data(1, 300_000)
	r.put("a.tar", whole)
	r.mustSync()
	for _, at := range []int{0, 199_999} {
		other := slices.Clone(whole[:200_000])
		other[at] ^= 1
		putObject(t, r.dest, "data/c4/a.tar", other)
		if _, err := r.sync(func(q *Request) { q.Check = true }); !errors.Is(err, engine.ErrForeign) {
			t.Errorf("byte %d: %v", at, err)
		}
		if !slices.Equal(readObject(t, r.dest, "data/c4/a.tar"), other) {
			t.Error("it was replaced")
		}
	}
}

// Samples read what was proven longest ago, so that a few of them read everything, and damage is found and mended.
func TestSamplesReachEverything(t *testing.T) {
	r := newRig(t)
	r.now = ticking(time.Second)
	for i := range 10 {
		r.put(fmt.Sprintf("s-%d.tar", i), data(uint64(i), 10_000))
	}
	r.mustSync()
	r.dest.Damage("data/c4/s-7.tar", 5000)
	found, read := 0, 0
	for range 5 {
		s := r.open()
		v, err := s.Verify(context.Background(), r.src, r.dst, 0.2)
		if err != nil || v.Read > 2 {
			t.Fatalf("%+v, %v", v, err)
		}
		found += len(v.Wrong)
		read += v.Read
		r.close()
	}
	if found != 1 || read != 9 {
		t.Errorf("%d wrong ones found, %d right ones read", found, read)
	}
	if got := ways(r.mustSync().Summary); got != "have:9 full:1 " {
		t.Errorf("mended: %s", got)
	}
	r.equal()
}
