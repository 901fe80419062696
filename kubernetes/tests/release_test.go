package tests

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
	"github.com/datagravity/datagravity/kubernetes/release"
)

var ours = map[string]string{declaration.Release: "true"}

// plainJob is a Job that waits without Kueue.
func plainJob(namespace, name string) *batchv1.Job {
	j := job(namespace, name, "1")
	j.Labels = ours
	return j
}

// gatedPod waits behind our gate and that of somebody else.
func gatedPod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: ours, Annotations: map[string]string{declaration.Dataset: "c4", declaration.Destination: "lab"},
		},
		Spec: corev1.PodSpec{
			Containers:      []corev1.Container{{Name: "train", Image: "train"}},
			SchedulingGates: []corev1.PodSchedulingGate{{Name: declaration.Gate}, {Name: "example.com/other"}},
		},
	}
}

// rayJob has a head that asks for nothing, and workers that do.
func rayJob(namespace, name string) *unstructured.Unstructured {
	type object = map[string]any
	pods := object{"containers": []any{object{"name": "ray", "image": "ray"}}}
	j := release.NewRayJob()
	j.SetNamespace(namespace)
	j.SetName(name)
	j.SetLabels(ours)
	j.Object["spec"] = object{
		"entrypoint": "python train.py", "suspend": true,
		"rayClusterSpec": object{
			"headGroupSpec": object{"rayStartParams": object{}, "template": object{"spec": pods}},
			"workerGroupSpecs": []any{object{
				"groupName": "gpu", "replicas": int64(1), "minReplicas": int64(1), "maxReplicas": int64(1), "rayStartParams": object{},
				"template": object{"metadata": object{"annotations": object{declaration.Dataset: "c4", declaration.Destination: "lab"}}, "spec": pods},
			}},
		},
	}
	return j
}

func get(t *testing.T, c *cluster.Cluster, o client.Object) {
	t.Helper()
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, c *cluster.Cluster, of client.Object, reason, words string) bool {
	t.Helper()
	var list eventsv1.EventList
	if err := c.Client.List(t.Context(), &list, client.InNamespace(of.GetNamespace())); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool {
		return e.Regarding.Name == of.GetName() && e.Reason == reason && strings.Contains(e.Note, words)
	})
}

// Jobs, RayJobs and Pods go on when their data is there and not before, learn where it is, and what others do with them stays.
func TestReleasedWhenThere(t *testing.T) {
	c := cluster.Start(t)
	ns := c.Namespace(t)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	d.Run("pause")
	p := c.Controller(t, d, ns)
	j, ray, pod := plainJob(ns, "train"), rayJob(ns, "ray"), gatedPod(ns, "pod")
	queue, unlabelled := plainJob(ns, "queued"), plainJob(ns, "unlabelled")
	queue.Labels = map[string]string{declaration.Release: "true", "kueue.x-k8s.io/queue-name": "nobody"}
	unlabelled.Labels = nil
	c.Make(t, j, ray, pod, queue, unlabelled)
	c.Until(t, "the daemon is asked for all three", func() bool {
		return p.Metric("datagravity_kubernetes_jobs", `state="(on_time|late|held|unresolved)"`) >= 3 // one more where Kueue's manager runs: it has a Workload for the Job that is its own
	})
	waiting := func() bool {
		get(t, c, j)
		get(t, c, ray)
		get(t, c, pod)
		suspended, _, _ := unstructured.NestedBool(ray.Object, "spec", "suspend")
		return *j.Spec.Suspend && suspended && len(pod.Spec.SchedulingGates) == 2
	}
	if !waiting() || delivered(d, "a.tar") {
		t.Error("something went on without its data")
	}
	d.Run("resume")
	c.Until(t, "all three go on", func() bool {
		get(t, c, j)
		get(t, c, ray)
		get(t, c, pod)
		suspended, _, _ := unstructured.NestedBool(ray.Object, "spec", "suspend")
		return !*j.Spec.Suspend && !suspended && len(pod.Spec.SchedulingGates) == 1
	})
	if !delivered(d, "a.tar") {
		t.Error("they go on without their data")
	}
	groups, _, _ := unstructured.NestedSlice(ray.Object, "spec", "rayClusterSpec", "workerGroupSpecs")
	workers, _, _ := unstructured.NestedStringMap(groups[0].(map[string]any), "template", "metadata", "annotations") //nolint:forcetypeassert // as it was made
	for what, says := range map[string]map[string]string{"Job": j.Spec.Template.Annotations, "RayJob": workers, "Pod": pod.Annotations} {
		if !strings.HasPrefix(says[declaration.Snapshot], "blake3:") || !strings.HasPrefix(says[declaration.URL], "file://") || says[declaration.Dataset] != "c4" {
			t.Errorf("the pods of the %s are told %v", what, says)
		}
	}
	if pod.Spec.SchedulingGates[0].Name != "example.com/other" {
		t.Errorf("the gate of somebody else is gone: %v", pod.Spec.SchedulingGates)
	}
	if !suspended(t, c, queue) || !suspended(t, c, unlabelled) {
		t.Error("a Job went on that is not ours to release")
	}
	c.Until(t, "an event says so", func() bool { return told(t, c, j, "DataReady", "released") })

	// Who suspends a Job that was released means it, also for a controller that did not see it.
	j.Spec.Suspend = ptr.To(true)
	if err := c.Client.Update(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Start()
	second := plainJob(ns, "second")
	c.Make(t, second)
	c.Until(t, "the Job after it goes on", func() bool { return !suspended(t, c, second) })
	if !suspended(t, c, j) {
		t.Error("what somebody suspended goes on")
	}
	// What is gone is wanted no more.
	deleted := []client.Object{j, ray, pod, second}
	for _, o := range deleted {
		if err := c.Client.Delete(t.Context(), o, client.PropagationPolicy(metav1.DeletePropagationBackground), client.GracePeriodSeconds(0)); err != nil {
			t.Fatal(err)
		}
	}
	c.Until(t, "the daemon has no job of what was deleted", func() bool {
		list := d.Run("jobs", "list", "--json")
		return !slices.ContainsFunc(deleted, func(o client.Object) bool { return strings.Contains(list, ns+"/"+o.GetName()+"/") })
	})
}

// A declaration that is wrong is said by an event that names the annotation, once; and once it is right the Job goes on.
func TestReleaseSaysWhatIsWrong(t *testing.T) {
	c := cluster.Start(t)
	ns := c.Namespace(t)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	c.Controller(t, d, ns)
	j, unknown := plainJob(ns, "train"), plainJob(ns, "unknown")
	j.Spec.Template.Annotations["datagravity.dev/shard"] = "*.tar"
	unknown.Spec.Template.Annotations[declaration.Dataset] = "c5"
	c.Make(t, j, unknown)
	c.Until(t, "an event names the annotation", func() bool {
		return told(t, c, j, "DataDeclaration", "datagravity.dev/shard: no such annotation; did you mean datagravity.dev/shards?")
	})
	c.Until(t, "an event has the daemon's words", func() bool { return told(t, c, unknown, "DataRefused", `"c5"`) })
	get(t, c, j)
	delete(j.Spec.Template.Annotations, "datagravity.dev/shard")
	if err := c.Client.Update(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	c.Until(t, "the Job goes on", func() bool { return !suspended(t, c, j) })
	if !suspended(t, c, unknown) {
		t.Error("what the daemon refuses goes on")
	}
}
