package cost

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestPause(t *testing.T) {
	r := newLedgerRig(t)
	other := Link{Source: "logs", Dest: "lab", SourceLocation: eastus, DestLocation: lab}
	gates := func(want ...bool) {
		t.Helper()
		r.now = r.now.Add(pauseCheckEvery + time.Millisecond)
		for i, link := range []Link{toS3, toLab, other, {Source: "training"}} {
			err := r.l.Gate(link)
			if (err != nil) != want[i] || err != nil && !errors.Is(err, ErrPaused) {
				t.Errorf("%s: %v, want it paused: %v", link.Name(), err, want[i])
			}
		}
	}
	pause := func(link string, paused bool) {
		t.Helper()
		if err := SetPause(r.dir, link, paused, r.now); err != nil {
			t.Fatal(err)
		}
	}
	gates(false, false, false, false)
	pause("training->s3-east", true)
	gates(true, false, false, false)
	_, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil)
	wantText(t, err, ErrPaused, "training->s3-east since 2026-11-25T12:00:00Z", "datagravity resume --link 'training->s3-east'")
	pause("lab", true)
	pause("lab", true)
	if list, err := Pauses(r.dir); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	r.crash(t)
	gates(true, true, true, false)
	pause("training->s3-east", false)
	pause("never paused", false)
	gates(false, true, true, false)
	pause("training", true) // a source
	gates(true, true, true, true)
	pause("*", false)
	gates(false, false, false, false)
	pause("*", true)
	gates(true, true, true, true)
	pause("training", false) // one link of all: the others' pause stands, and this one's too
	gates(true, true, true, true)
	if info, err := os.Stat(r.file("paused.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := os.Remove(r.file("paused.json")); err != nil {
		t.Fatal(err)
	}
	gates(false, false, false, false)
}

// A pause is seen 300 ms later at the latest, also after the clock jumped.
func TestPauseIsSeenInTime(t *testing.T) {
	r := newLedgerRig(t)
	for _, jump := range []time.Duration{pauseCheckEvery + 1, -time.Hour, 24 * time.Hour} {
		for _, paused := range []bool{true, false} {
			if err := SetPause(r.dir, "*", paused, r.now); err != nil {
				t.Fatal(err)
			}
			r.now = r.now.Add(jump)
			if err := r.l.Gate(toS3); errors.Is(err, ErrPaused) != paused {
				t.Errorf("%v after it was set to %v: %v", jump, paused, err)
			}
		}
	}
}

func TestDamagedPauseFile(t *testing.T) {
	r := newLedgerRig(t)
	if err := os.WriteFile(r.file("paused.json"), []byte(`[{"link":`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(time.Second)
	for range 2 { // while nobody can tell, nothing is spent
		_, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil)
		if err == nil {
			t.Fatal("reserved although nobody can tell whether the link is paused")
		}
		wantText(t, err, err, r.file("paused.json"), "delete it to resume everything")
	}
	if err := SetPause(r.dir, "*", false, r.now); err == nil {
		t.Error("a damaged file was overwritten: what was paused in it would go on")
	}
	if err := os.Remove(r.file("paused.json")); err != nil {
		t.Fatal(err)
	}
	r.reserve(t, over(toS3, 1))
}

// Of pauses that are made at the same moment each counts.
func TestPausesAtTheSameMoment(t *testing.T) {
	dir := t.TempDir()
	const links = 20
	var g errgroup.Group
	for i := range links {
		g.Go(func() error { return SetPause(dir, fmt.Sprintf("training->%d", i), true, time.Now()) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if list, err := Pauses(dir); err != nil || len(list) != links {
		t.Errorf("%d of %d are paused, %v", len(list), links, err)
	}
}
