package cluster

import (
	"context"
	"encoding/json"
	"testing"

	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
)

// tellState logs what Kueue says of all Workloads, for a test that waited in vain.
func (c *Cluster) tellState(t testing.TB) {
	t.Helper()
	var all kueue.WorkloadList
	if err := c.Client.List(context.Background(), &all); err != nil {
		t.Logf("no Workloads can be listed: %v", err)
	}
	for i := range all.Items {
		w := &all.Items[i]
		said, err := json.Marshal(map[string]any{
			"active": w.Spec.Active, "checks": w.Status.AdmissionChecks, "conditions": w.Status.Conditions, "requeue": w.Status.RequeueState,
		})
		t.Logf("Workload %s/%s: %s %v", w.Namespace, w.Name, said, err)
	}
}
