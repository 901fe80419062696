package tests

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// With the rights that the chart gives where no namespace is named, a controller does all that it does in every namespace, and the API server refuses it
// nothing: Controller looks for that in its log.
func TestAllNamespaces(t *testing.T) {
	c := cluster.Start(t)
	queue, other := queued(t, c), c.Namespace(t)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	c.Controller(t, d)
	admitted, plain, ray, pod := job(queue, "admitted", "1"), plainJob(other, "plain"), rayJob(other, "ray"), gatedPod(other, "pod")
	c.Make(t, admitted, plain, ray, pod)
	c.Until(t, "the Workload is admitted, and Job, RayJob and Pod are released in another namespace", func() bool {
		get(t, c, ray)
		get(t, c, pod)
		waits, _, _ := unstructured.NestedBool(ray.Object, "spec", "suspend")
		for _, j := range []*batchv1.Job{admitted, plain} {
			waits = waits || suspended(t, c, j)
		}
		return !waits && len(pod.Spec.SchedulingGates) == 1
	})
	c.Until(t, "events were written", func() bool { return told(t, c, pod, "DataReady", "released") })
}
