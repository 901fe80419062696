package integration

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// The main job: a dataset in Azure reaches S3, GCS and a directory; it changes; only the difference moves.
func TestMainJob(t *testing.T) {
	r := newRig(t, "8MiB")
	r.put("train/shard-0.tar", random(1, 20<<20+1234)) // in parts
	r.put("train/shard-1.tar", random(2, 3<<20))
	r.put("train/shard-2.tar", random(3, 70_000))
	r.put("empty.tar", nil)
	r.put("index.json", []byte(`{"shards":[]}`))

	for _, dest := range []string{"s3", "gcs", "lab"} {
		r.want(75, "ready", "c4", "--from", dest)
		rep := r.sync(dest)
		if rep.Ways["full"].Shards != 5 || !rep.Ready || rep.USD <= 0 {
			t.Errorf("%s, first: %+v", dest, rep)
		}
		r.equal(dest)
		r.want(0, "ready", "c4", "--to", dest)
		r.want(0, "ready", "c4", "--from", dest)
		if rep := r.sync(dest); rep.Moved != 0 || rep.USD != 0 || rep.Ways["have"].Shards != 5 {
			t.Errorf("%s, again: %+v", dest, rep)
		}
	}

	r.put("train/shard-2.tar", random(4, 80_000))
	r.put("train/renamed.tar", r.files["train/shard-0.tar"])
	r.remove("train/shard-0.tar")
	r.put("train/new.tar", random(5, 100_000))
	for _, dest := range []string{"s3", "gcs", "lab"} {
		rep := r.sync(dest)
		if rep.Ways["copy"].Shards != 1 || rep.Ways["full"].Shards != 2 || rep.Moved != 180_000 {
			t.Errorf("%s, changed: %+v", dest, rep)
		}
		r.equal(dest)
		if _, err := r.dests[dest].Head(context.Background(), "data/c4/train/shard-0.tar"); err != nil {
			t.Errorf("%s: what was deleted at the source must stay: %v", dest, err)
		}
		if out := r.want(0, "verify", "c4", "--to", dest, "--read"); !strings.Contains(out, " 0 wrong") {
			t.Errorf("%s: %s", dest, out)
		}
	}
	// Nothing of ours is left but the receipts.
	for dest, s := range r.dests {
		uploads, err := s.ListUploads(context.Background(), "")
		if err != nil || len(uploads) != 0 {
			t.Errorf("%s: unfinished uploads %v, %v", dest, uploads, err)
		}
		page, err := s.List(context.Background(), store.ListOptions{Prefix: store.Private})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			if !strings.HasPrefix(o.Key, store.Private+"ready/") {
				t.Errorf("%s: left behind: %q", dest, o.Key)
			}
		}
	}
}

// What another tool copied to S3 or GCS is adopted by checksum without moving a byte.
func TestAdoptsWhatIsThere(t *testing.T) {
	r := newRig(t, "8MiB")
	r.put("a.tar", random(1, 10<<20))
	r.put("b.tar", random(2, 1000))
	for _, dest := range []string{"s3", "gcs"} {
		put(t, r.dests[dest], "data/c4/a.tar", r.files["a.tar"])
		rep := r.sync(dest)
		if rep.Ways["adopt"].Shards != 1 || rep.Moved != 1000 {
			t.Errorf("%s: %+v", dest, rep)
		}
		r.equal(dest)
	}
	put(t, r.dests["s3"], "data/c4/c.tar", []byte("somebody else's"))
	r.put("c.tar", random(3, 500))
	if code, _, errs := r.run("sync", "c4", "--to", "s3"); code != 1 || !strings.Contains(errs, "c.tar") || !strings.Contains(errs, "--adopt=overwrite") {
		t.Errorf("a stranger's object: %d %s", code, errs)
	}
}

// Two processes never run on one manifest: the second is told who holds it, with the code for "try again".
func TestSecondProcessIsToldWho(t *testing.T) {
	r := newRig(t, "8MiB")
	r.put("a.tar", random(1, 100<<20))
	first := r.command("sync", "c4", "--to", "s3")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Process.Kill(); _ = first.Wait() }()
	r.await("state/holder.json")
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil { // so that it holds the lock as long as we look
		t.Fatal(err)
	}
	code, _, errs := r.run("plan", "c4", "--to", "gcs")
	if code != 75 || !strings.Contains(errs, "sync c4 --to s3") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
