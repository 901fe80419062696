package admission

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

var now = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// job that stands in some way; eta from now, 0: nobody knows.
func job(state dispatch.State, eta time.Duration, why string) staging.Standing {
	s := staging.Standing{Told: true, Status: dispatch.Status{
		Dataset: "c4", State: state, Why: why, Snapshot: "blake3:0123456789abcdef", Added: now.Add(-time.Hour), Places: []dispatch.Place{{Destination: "lab"}},
	}}
	if eta != 0 {
		at := now.Add(eta)
		s.Status.ETA = &at
	}
	return s
}

// The table of the package's documentation.
func TestDecide(t *testing.T) {
	ready := job(dispatch.Ready, 0, "")
	young := job(dispatch.Unresolved, 0, "found out by the next pass")
	young.Status.Added = now.Add(-time.Second)
	arrived, missing := job(dispatch.OnTime, 0, "all of it is there, and is announced by the next pass"), job(dispatch.OnTime, 0, "paused")
	arrived.Status.ShardCount, missing.Status.ShardCount, missing.Status.Places[0].MissingShards = 2, 2, 1
	silence := func(ago time.Duration) *staging.Silence {
		return &staging.Silence{Since: now.Add(-ago), Err: errors.New("connection refused")}
	}
	const pending, again, rejected, granted = kueue.CheckStatePending, kueue.CheckStateRetry, kueue.CheckStateRejected, kueue.CheckStateReady
	for _, c := range []struct {
		what     string
		f        Facts
		reserved time.Duration // ago; 0: no quota
		state    kueue.CheckState
		says     string
		requeue  time.Duration
	}{
		{"no data asked for", Facts{}, 0, granted, "asks for no data", 0},
		{"all there", Facts{Jobs: []staging.Standing{ready, ready}}, time.Second, granted, "proven: c4 at lab, snapshot 0123456789ab", 0},
		{"all there, no quota", Facts{Jobs: []staging.Standing{ready}}, 0, pending, "waits for quota", 0},
		{"one of two there", Facts{Jobs: []staging.Standing{ready, job(dispatch.OnTime, 30*time.Second, "")}}, time.Second, pending, "within a minute", 0},
		{"there soon, but said so for long", Facts{Jobs: []staging.Standing{job(dispatch.OnTime, 30*time.Second, "")}}, 2 * time.Minute, again, "queued again", 10 * time.Second},
		{"there later", Facts{Jobs: []staging.Standing{job(dispatch.OnTime, 10*time.Minute, "")}}, time.Second, again, "by 08:10 UTC", 5 * time.Minute},
		{"late, but there later", Facts{Jobs: []staging.Standing{job(dispatch.Late, 10*time.Minute, "")}}, time.Second, again, "by 08:10 UTC", 5 * time.Minute},
		{"the later of two", Facts{Jobs: []staging.Standing{job(dispatch.OnTime, 2*time.Minute, ""), job(dispatch.OnTime, 4*time.Minute, "")}}, time.Second, again, "by 08:05 UTC", 3*time.Minute + 30*time.Second},
		{"there tomorrow", Facts{Jobs: []staging.Standing{job(dispatch.OnTime, 24*time.Hour, "")}}, time.Second, again, "by 2026-12-02 08:00 UTC", 5 * time.Minute},
		{"there later, no quota", Facts{Jobs: []staging.Standing{job(dispatch.OnTime, 10*time.Minute, "")}}, 0, pending, "by 08:10 UTC", 0},
		{"not asked for yet", Facts{Jobs: []staging.Standing{{}}}, time.Second, "", "", 0},
		{"just asked for", Facts{Jobs: []staging.Standing{young}}, time.Second, "", "", 0},
		{"there, not announced", Facts{Jobs: []staging.Standing{arrived}}, time.Second, pending, "c4 at lab: all of it is there, and is announced", 0},
		{"there, not announced, no quota", Facts{Jobs: []staging.Standing{arrived}}, 0, pending, "c4 at lab: all of it is there, and is announced", 0},
		{"not there", Facts{Jobs: []staging.Standing{missing}}, time.Second, pending, "c4 at lab is not there yet, and nobody knows when it will be: paused", 0},
		{"not resolved for long", Facts{Jobs: []staging.Standing{job(dispatch.Unresolved, 0, "read")}}, 2 * time.Minute, again, "nobody knows when it will be: read", 2 * time.Minute},
		{"not resolved, quota is new", Facts{Jobs: []staging.Standing{job(dispatch.Unresolved, 0, "read")}}, time.Second, pending, "nobody knows when", 0},
		{"no budget has room", Facts{Jobs: []staging.Standing{job(dispatch.Held, 0, "budget \"egress\" lacks 12.40 USD")}}, time.Second, rejected, "c4 at lab cannot be had: budget \"egress\" lacks", 0},
		{"no budget has room, no quota", Facts{Jobs: []staging.Standing{job(dispatch.Held, 0, "budget")}}, 0, pending, "will be rejected unless that changes: c4", 0},
		{"a budget has room later", Facts{Jobs: []staging.Standing{job(dispatch.Held, time.Hour, "until 09:00")}}, time.Second, again, "until 09:00", 5 * time.Minute},
		{"the source has it not", Facts{Jobs: []staging.Standing{ready, job(dispatch.Blocked, 0, "a.tar is gone")}}, time.Second, rejected, "a.tar is gone", 0},
		{"refused by the daemon", Facts{Jobs: []staging.Standing{{Told: true, Refused: "no dataset c5"}}}, time.Second, rejected, "no dataset c5", 0},
		{"declared wrongly", Facts{Wrong: errors.New("datagravity.dev/shard: no such annotation")}, time.Second, rejected, "datagravity.dev/shard", 0},
		{"declared wrongly, no quota", Facts{Wrong: errors.New("datagravity.dev/shard: no such annotation")}, 0, pending, "datagravity.dev/shard", 0},
		{"silence", Facts{Jobs: []staging.Standing{ready}, Silence: silence(5 * time.Second)}, time.Second, pending, "at https://d does not answer since 07:59:55 UTC: connection refused", 0},
		{"long silence", Facts{Jobs: []staging.Standing{ready}, Silence: silence(time.Hour)}, 2 * time.Minute, again, "does not answer", 2 * time.Minute},
		{"long silence, new quota", Facts{Jobs: []staging.Standing{ready}, Silence: silence(time.Hour)}, time.Second, pending, "does not answer", 0},
		{"silence about what was refused", Facts{Jobs: []staging.Standing{job(dispatch.Held, 0, "budget")}, Silence: silence(time.Hour)}, 2 * time.Minute, again, "does not answer", 2 * time.Minute},
		{"silence, and no data asked for", Facts{Silence: silence(time.Hour)}, time.Second, granted, "asks for no data", 0},
	} {
		c.f.Now, c.f.Where = now, "https://d"
		if c.reserved > 0 {
			c.f.Reserved = now.Add(-c.reserved)
		}
		v := Decide(c.f, DefaultLimits)
		if v.State != c.state || !strings.Contains(v.Message, c.says) || v.Requeue != c.requeue {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
}

// Whatever the facts are: without quota nothing is decided but that no data is asked for; Ready is nothing that is not all there; Retry says when; and a
// verdict that passes is looked at again.
func TestDecideAlways(t *testing.T) {
	states := []dispatch.State{dispatch.Ready, dispatch.OnTime, dispatch.Late, dispatch.Unresolved, dispatch.Held, dispatch.Blocked}
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{Now: now, Where: "d"}
		all := true
		for range rapid.IntRange(1, 3).Draw(t, "jobs") {
			s := job(rapid.SampledFrom(states).Draw(t, "state"), time.Duration(rapid.IntRange(-60, 7200).Draw(t, "eta"))*time.Second, strings.Repeat("why ü ", rapid.IntRange(0, 300).Draw(t, "words")))
			s.Told = rapid.IntRange(0, 9).Draw(t, "told") > 0
			s.Status.Added = now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "added")) * time.Second)
			all = all && s.Ready()
			f.Jobs = append(f.Jobs, s)
		}
		if rapid.Bool().Draw(t, "reserved") {
			f.Reserved = now.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "since")) * time.Second)
		}
		if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
			f.Silence = &staging.Silence{Since: now.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "silence")) * time.Second), Err: errors.New("x")}
		}
		v := Decide(f, DefaultLimits)
		switch {
		case f.Reserved.IsZero() && v.State != kueue.CheckStatePending && v.State != "":
			t.Fatalf("without quota: %+v", v)
		case v.State == kueue.CheckStateReady && (!all || f.Silence != nil):
			t.Fatalf("ready: %+v", v)
		case v.State == kueue.CheckStateRetry && (v.Requeue < leastRetry || v.Requeue > DefaultLimits.Retry):
			t.Fatalf("retry: %+v", v)
		case v.State != kueue.CheckStateRetry && v.Requeue != 0:
			t.Fatalf("requeue without retry: %+v", v)
		case len(v.Message) > 3*(longest+100) || !utf8.ValidString(v.Message):
			t.Fatalf("%d bytes: %s", len(v.Message), v.Message)
		}
	})
}

// What was to be there soon and is not is looked at again by itself, also where the daemon says nothing new.
func TestSoonIsNotForEver(t *testing.T) {
	f := Facts{Now: now, Reserved: now.Add(-time.Second), Jobs: []staging.Standing{job(dispatch.OnTime, 30*time.Second, "")}}
	for looks := 0; ; looks++ {
		v := Decide(f, DefaultLimits)
		if v.State == kueue.CheckStateRetry {
			break
		}
		if v.State != kueue.CheckStatePending || v.Again <= 0 || looks > 9 {
			t.Fatalf("after %s: %+v", f.Now.Sub(now), v)
		}
		f.Now = f.Now.Add(v.Again)
	}
	if held := f.Now.Sub(f.Reserved); held < 30*time.Second || held > DefaultLimits.Pending+time.Second {
		t.Errorf("it had its quota for %s", held)
	}
}

// An estimate that moves by seconds has the same words.
func TestWordsStay(t *testing.T) {
	words := map[string]bool{}
	for i := range 100 {
		words[about(now.Add(40*time.Minute+time.Duration(i)*time.Second), now.Add(time.Duration(i)*time.Second))] = true
	}
	if len(words) > 2 {
		t.Errorf("%d different words: %v", len(words), words)
	}
}
