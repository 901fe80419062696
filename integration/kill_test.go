package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// await waits until a file of the rig exists.
func (r *rig) await(name string) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			return
		}
	}
	r.t.Fatalf("%s did not appear", name)
}

// killed starts a sync and kills it with SIGKILL after a time, or lets it end if it is quicker.
func (r *rig) killed(dest string, after time.Duration) {
	r.t.Helper()
	c := r.command("sync", "c4", "--to", dest)
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(after)
	_ = c.Process.Kill() // it may have ended
	_ = c.Wait()
}

// kill -9 at any moment loses nothing: the next run goes on, every object is right, and nothing is left open.
func TestKilledAtRandomMoments(t *testing.T) {
	for _, dest := range []string{"s3", "gcs", "lab"} {
		t.Run(dest, func(t *testing.T) {
			r := newRig(t, "8MiB")
			for i := range 6 {
				r.put(fmt.Sprintf("big-%d.tar", i), random(uint64(i), 24<<20+i))
			}
			for i := range 20 {
				r.put(fmt.Sprintf("small-%02d.tar", i), random(uint64(100+i), 50_000))
			}
			rnd := rand.New(rand.NewPCG(1, uint64(len(dest))))
			for range 6 {
				r.killed(dest, time.Duration(50+rnd.IntN(700))*time.Millisecond)
			}
			rep := r.sync(dest)
			if !rep.Ready {
				t.Errorf("%+v", rep)
			}
			r.equal(dest)
			r.want(0, "gc", "--older-than", "0s", "--yes")
			uploads, err := r.dests[dest].ListUploads(context.Background(), "")
			if err != nil || len(uploads) != 0 {
				t.Errorf("left open: %v, %v", uploads, err)
			}
		})
	}
}

// rclone 4300, 4302, 4033: an upload that was killed and is not wanted any more leaves parts that are billed and invisible.
func TestGCRemovesAnAbandonedUpload(t *testing.T) {
	for _, dest := range []string{"s3", "gcs", "lab"} {
		t.Run(dest, func(t *testing.T) {
			r := newRig(t, "8MiB")
			r.put("big.tar", random(7, 96<<20))
			for i := 0; ; i++ {
				r.killed(dest, 400*time.Millisecond)
				uploads, err := r.dests[dest].ListUploads(context.Background(), "")
				if err != nil {
					t.Fatal(err)
				}
				if len(uploads) > 0 {
					break
				}
				if i == 20 {
					t.Fatal("no kill left an upload open: the trial tries nothing")
				}
			}
			if out := r.want(0, "gc", "--older-than", "0s"); !strings.Contains(out, "would be removed") {
				t.Errorf("dry run: %s", out)
			}
			if out := r.want(0, "gc", "--older-than", "0s", "--yes"); !strings.Contains(out, "removed") {
				t.Errorf("%s", out)
			}
			uploads, err := r.dests[dest].ListUploads(context.Background(), "")
			if err != nil || len(uploads) != 0 {
				t.Errorf("left open: %v, %v", uploads, err)
			}
		})
	}
}

// azcopy 715: killed while listing cannot resume. Here the next run just works.
func TestKilledWhileListing(t *testing.T) {
	r := newRig(t, "8MiB")
	for i := range 30 {
		r.put(fmt.Sprintf("s-%02d.tar", i), random(uint64(i), 1000))
	}
	for _, ms := range []int{1, 5, 10, 20, 40, 60, 80} {
		r.killed("lab", time.Duration(ms)*time.Millisecond)
	}
	r.sync("lab")
	r.equal("lab")
}

// A pause stops a running sync within a second, survives, and the resumed sync goes on from the finished parts.
func TestPauseStopsARunningSync(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("big.tar", random(7, 200<<20))
	c := r.command("sync", "c4", "--to", "lab")
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r.await("lab/.datagravity/uploads")
	time.Sleep(500 * time.Millisecond)
	r.want(0, "pause", "--link", "lab")
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the sync goes on although its link is paused")
	}
	if code := c.ProcessState.ExitCode(); code != 75 || !strings.Contains(errs.String(), "paused") {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	r.want(75, "sync", "c4", "--to", "lab")
	r.want(0, "resume")
	if rep := r.sync("lab"); rep.Resume == 0 {
		t.Errorf("nothing was resumed: %+v", rep)
	}
	r.equal("lab")
}
