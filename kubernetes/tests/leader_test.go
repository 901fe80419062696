package tests

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// leads is 1 while a controller holds the lease.
func leads(p *cluster.Controller) float64 { return p.Metric("leader_election_master_status", "") }

// releases are the Jobs that a controller has let go.
func releases(p *cluster.Controller) float64 {
	return p.Metric("datagravity_kubernetes_releases_total", "")
}

// Of two replicas one works. One that loses its lease ends, with 1, so that the kubelet starts it anew, and the other goes on.
func TestLeaseLost(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	first := c.Controller(t, d, ns)
	first.Leads(c)
	second := first.Replica("second")
	one := plainJob(ns, "one")
	c.Make(t, one)
	c.Until(t, "the first lets a Job go", func() bool { return !suspended(t, c, one) })
	if leads(first) != 1 || leads(second) != 0 || releases(first) != 1 || releases(second) != 0 || second.Metric("datagravity_kubernetes_daemon_requests_total", "") != 0 {
		t.Errorf("the first leads: %g, released %g; the second: %g, %g", leads(first), releases(first), leads(second), releases(second))
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status := second.Probe(path); status != 200 {
			t.Errorf("%s of the one that waits: %d", path, status)
		}
	}

	// Somebody else takes the lease, for as long as it takes the first to see that it cannot renew it.
	var list coordinationv1.LeaseList
	if err := c.Client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	var lease *coordinationv1.Lease
	for i := range list.Items {
		if first.Ours(list.Items[i].Namespace) {
			lease = &list.Items[i]
		}
	}
	if lease == nil {
		t.Fatalf("no lease in %v", list.Items)
	}
	c.Until(t, "somebody else has the lease", func() bool {
		if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(lease), lease); err != nil {
			t.Fatal(err)
		}
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = ptr.To("somebody"), ptr.To[int32](10)
		lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
		return c.Client.Update(t.Context(), lease) == nil // it may have been renewed meanwhile
	})
	c.Until(t, "the first ended", first.Ended)
	if first.Exit() != 1 {
		t.Errorf("it ended with %d", first.Exit())
	}
	two := plainJob(ns, "two")
	c.Make(t, two)
	c.Until(t, "the second lets a Job go", func() bool { return !suspended(t, c, two) })
	c.Until(t, "the check is served by the second", func() bool { return serving(t, c, ns, "DaemonAnswers", "second serves it") })
	if leads(second) != 1 || releases(second) != 1 {
		t.Errorf("the second leads: %g, released %g", leads(second), releases(second))
	}
}

// A daemon that is not there makes no controller unready, and the kubelet does not restart it.
func TestProbesOfASilentDaemon(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Kill()
	p := c.Controller(t, d, ns)
	c.Until(t, "the condition says that nobody answers", func() bool { return serving(t, c, ns, "DaemonSilent", "does not answer") })
	for _, path := range []string{"/healthz", "/readyz"} {
		if status := p.Probe(path); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if p.Ended() {
		t.Error("it ended")
	}
}
