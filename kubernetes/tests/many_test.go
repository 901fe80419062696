package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// patience is for what a thousand Workloads take on a machine that does other things.
const patience = 10 * time.Minute

// written is what was written of each object after the first of a controller's writes, how many tries were refused since the object had changed meanwhile,
// and what else was written than entries of Workloads and the lease.
func written(p *cluster.Controller, after int) (each map[string][]cluster.Write, refused int, other []cluster.Write) {
	each = map[string][]cluster.Write{}
	for _, w := range p.Writes()[after:] {
		switch {
		case w.Resource == "leases":
		case w.Resource != "workloads/status" || w.Verb != "patch":
			other = append(other, w)
		case w.Status == 409:
			refused++
		default:
			each[w.Object] = append(each[w.Object], w)
		}
	}
	return each, refused, other
}

// Many Workloads that wait are one question to the daemon a round, nothing to the API server as long as nothing changes, and one patch each when something does,
// at most one a minute: the API server's own log says so. DATAGRAVITY_THOUSAND=1 has a thousand of them.
func TestManyPending(t *testing.T) {
	many := 100
	if os.Getenv("DATAGRAVITY_THOUSAND") != "" {
		many = 1000
	}
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	d.Run("pause")
	// A lease as it is by itself: on a busy machine, four seconds are missed.
	p := c.ControllerWith(t, d, cluster.ControllerOptions{}, ns)
	c.Until(t, "it leads, in an event, and serves the check, in a condition", func() bool {
		_, _, other := written(p, 0)
		return len(other) == 2
	})
	seen := len(p.Writes())
	for i := range many {
		c.Make(t, job(ns, fmt.Sprintf("train-%d", i), "101")) // more than there is: all of them stay in the queue
	}
	// change waits until each Workload says something. Each may have been written once for it, and once for what was to be said of its data before that, if
	// it was a minute before.
	change := func(what, words string) {
		t.Helper()
		begun := time.Now()
		c.UntilWithin(t, patience, what+": each Workload is written", func() bool {
			if p.Ended() {
				t.Fatal("the controller ended")
			}
			each, _, _ := written(p, seen)
			return len(each) == many
		})
		c.UntilWithin(t, patience, what, func() bool {
			n := 0
			for _, e := range entries(t, c, ns) {
				if e.State == kueue.CheckStatePending && strings.Contains(e.Message, words) {
					n++
				}
			}
			return n == many
		})
		took := time.Since(begun)
		each, refused, other := written(p, seen)
		times, first := map[int]int{}, map[string]int{}
		for object, list := range each {
			times[len(list)]++
			for i, w := range list {
				if i > 0 && (w.Said == list[i-1].Said || w.At.Sub(list[i-1].At) < 59*time.Second) {
					t.Errorf("%s: %s was written %q at %s and %q at %s", what, object, list[i-1].Said, list[i-1].At, w.Said, w.At)
				}
				if i+1 < len(list) {
					first[w.Said]++
				}
			}
		}
		if len(other) > 0 {
			t.Errorf("%s: beside it was written %v", what, other)
		}
		seen = len(p.Writes())
		t.Logf("%s: after %s; Workloads by how often they were written: %v; what was said before: %v; %d tries came to a Workload that had changed",
			what, took.Round(time.Second/10), times, first, refused)
	}
	change("each entry says how its data stands", "c4 at lab")

	rounds := func() float64 { return p.Metric("datagravity_kubernetes_daemon_requests_total", `operation="list"`) }
	before := rounds()
	c.UntilWithin(t, patience, "twenty rounds are over", func() bool { return rounds() >= before+20 })
	if each, refused, other := written(p, seen); len(each)+refused+len(other) > 0 {
		t.Errorf("written while nothing changed: %v, %v, and %d tries", each, other, refused)
	}
	d.Run("resume")
	change("each entry says that all is there", "all is there")
	memory := p.RSSAnon() >> 20
	if memory > 150 {
		t.Errorf("RssAnon is %d MiB", memory)
	}
	t.Logf("RssAnon %d MiB", memory)
}
