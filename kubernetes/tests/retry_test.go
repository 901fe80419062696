package tests

import (
	"crypto/rand"
	"encoding/json"
	"testing"

	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// slow is a link over which a shard of a few MiB takes minutes.
const slow = "links:\n  - {bandwidth: [100Kbit/s]}\n"

// A Workload whose data comes later than quota may wait is sent back until about then.
func TestSentBackUntilDataIsThere(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{More: slow})
	shard := make([]byte, 2<<20) // some three minutes
	_, _ = rand.Read(shard)      // never fails
	d.Put("a.tar", shard)
	p := c.Controller(t, d, ns)
	j := job(ns, "train", "1")
	c.Make(t, j)
	var w *kueue.Workload
	c.Until(t, "Kueue has a time at which the Workload is queued again", func() bool {
		w = workloadOf(t, c, j)
		return w.Status.RequeueState != nil && w.Status.RequeueState.RequeueAt != nil
	})
	var list []dispatch.Status
	if err := json.Unmarshal([]byte(d.Run("jobs", "list", "--json")), &list); err != nil || len(list) != 1 || list[0].ETA == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	eta, again := *list[0].ETA, w.Status.RequeueState.RequeueAt.Time
	if early := eta.Sub(again); early < 0 || early > 2*admission.DefaultLimits.Pending {
		t.Errorf("its data is expected at %s, and it is queued again at %s", eta, again)
	}
	if n := p.Metric("datagravity_kubernetes_admission_writes_total", `state="Retry"`); n != 1 {
		t.Errorf("it was sent back %g times", n)
	}
	if !suspended(t, c, j) || delivered(d, "a.tar") {
		t.Error("it goes on without its data")
	}
}
