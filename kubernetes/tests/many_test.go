package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// Many Workloads that wait are one question to the daemon a round, nothing to the API server as long as nothing changes, and one patch each when something does.
// DATAGRAVITY_THOUSAND=1 has a thousand of them.
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
	p := c.Controller(t, d, ns)
	for i := range many {
		c.Make(t, job(ns, fmt.Sprintf("train-%d", i), "101")) // more than there is: all of them stay in the queue
	}
	say := func(words string) bool {
		n := 0
		for _, e := range entries(t, c, ns) {
			if e.State == kueue.CheckStatePending && strings.Contains(e.Message, words) {
				n++
			}
		}
		return n == many
	}
	// All but the lease, which is renewed by PUT.
	writes := func() float64 { return p.Metric("rest_client_requests_total", `method="(PATCH|POST|DELETE)"`) }
	rounds := func() float64 { return p.Metric("datagravity_kubernetes_daemon_requests_total", `operation="list"`) }
	c.Until(t, "each entry says how its data stands", func() bool { return say("c4 at lab") })
	first := writes()
	// Less than one for each would be a count of something else.
	if most := float64(many + many/10 + 20); first < float64(many) || first > most {
		t.Errorf("%g writes for the first word about each", first)
	}
	before := rounds()
	c.Until(t, "twenty rounds are over", func() bool { return rounds() >= before+20 })
	if n := writes() - first; n != 0 {
		t.Errorf("%g writes while nothing changed", n)
	}
	d.Run("resume")
	c.Until(t, "each entry says that all is there", func() bool { return say("all is there") })
	changed := writes() - first
	if changed < float64(many) || changed > float64(many+many/10) {
		t.Errorf("%g writes for one change of each", changed)
	}
	memory := p.RSSAnon() >> 20
	if memory > 150 {
		t.Errorf("RssAnon is %d MiB", memory)
	}
	t.Logf("%d Workloads: %g writes for the first word, 0 in 20 rounds, %g for a change of all; RssAnon %d MiB", many, first, changed, memory)
}
