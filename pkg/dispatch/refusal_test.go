package dispatch

import (
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// Jobs for a destination that another agent writes to wait, and say for whom; the others go on; and when it is free they come there.
func TestJobsWaitForAnotherAgentsLease(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	keeper := func(host string) *lease.Keeper {
		k := lease.New(lease.Options{Holder: lease.Holder{Manifest: host, Place: host, Host: host, PID: 7, Command: "datagravity sync c4"}, Length: time.Hour, Now: r.now, Clock: ticking{r}})
		t.Cleanup(k.Close)
		return k
	}
	r.s.Leases = &dgsync.Leases{Keeper: keeper("here")}
	other := keeper("gpu7")
	if _, err := other.Hold(t.Context(), r.dests["aws"], "data/", 0); err != nil {
		t.Fatal(err)
	}
	r.add("a", "aws")
	r.add("b", "aws")
	r.add("c", "lab")
	r.until("c", Ready)
	for _, id := range []string{"a", "b"} {
		if st := r.show(id); st.State != OnTime || !strings.Contains(st.Why, "gpu7") || !strings.Contains(st.Why, "data/") {
			t.Errorf("%s is %s: %s", id, st.State, st.Why)
		}
	}
	// It is looked at again when that is worth it, not by every pass, and not for every job.
	if out := r.once(); out.Next.Sub(r.now()) > pauseLook {
		t.Errorf("the next pass is at %s", out.Next)
	}
	r.pass(time.Hour / 20)
	r.once()
	if st := r.show("b"); !strings.Contains(st.Why, "left)") {
		t.Errorf("it was not looked at again: %s", st.Why)
	}
	other.Close()
	r.pass(time.Hour / 20)
	r.until("a", Ready)
	r.until("b", Ready)
	if st := r.show("a"); strings.Contains(st.Why, "gpu7") {
		t.Errorf("it still says %s", st.Why)
	}
	r.s.Leases.Close()
	for _, name := range []string{"aws", "lab"} {
		if page, err := r.dests[name].List(t.Context(), store.ListOptions{Prefix: lease.Prefix}); err != nil || len(page.Objects) != 0 {
			t.Errorf("left at %s: %v, %v", name, page.Objects, err)
		}
	}
}

// ticking is the rig's clock as leases see it. What waits on it waits for real, which is longer than any test.
type ticking struct{ r *rig }

func (c ticking) Elapsed() time.Duration {
	return c.r.now().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
}

func (ticking) After(d time.Duration) <-chan time.Time { return time.After(d) }
