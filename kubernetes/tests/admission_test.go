package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

func TestMain(m *testing.M) { cluster.Main(m) }

// queued is a namespace with a queue whose check is answered by a controller with the chart's rights.
func queued(t *testing.T, c *cluster.Cluster) (namespace string) {
	t.Helper()
	c.Kueue(t)
	namespace = c.Namespace(t)
	c.Make(t, &kueue.AdmissionCheck{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: kueue.AdmissionCheckSpec{ControllerName: "datagravity.dev/stage"}})
	t.Cleanup(func() { // the next test's controller must not answer for it
		_ = c.Client.Delete(context.Background(), &kueue.AdmissionCheck{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	})
	c.Queue(t, namespace, "queue", namespace)
	return namespace
}

func job(namespace, name, cpu string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"kueue.x-k8s.io/queue-name": "queue"}},
		Spec: batchv1.JobSpec{Suspend: ptr.To(true), Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{declaration.Dataset: "c4", declaration.Destination: "lab"}},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers: []corev1.Container{{Name: "train", Image: "train", Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
				}}},
			},
		}},
	}
}

func suspended(t *testing.T, c *cluster.Cluster, j *batchv1.Job) bool {
	t.Helper()
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(j), j); err != nil {
		t.Fatal(err)
	}
	return *j.Spec.Suspend
}

// entries are those of all Workloads of a namespace.
func entries(t *testing.T, c *cluster.Cluster, namespace string) (list []kueue.AdmissionCheckState) {
	t.Helper()
	var all kueue.WorkloadList
	if err := c.Client.List(t.Context(), &all, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range all.Items {
		list = append(list, all.Items[i].Status.AdmissionChecks...)
	}
	return list
}

func entry(t *testing.T, c *cluster.Cluster, namespace string, state kueue.CheckState, words string) bool {
	t.Helper()
	for _, e := range entries(t, c, namespace) {
		if e.State == state && strings.Contains(e.Message, words) {
			return true
		}
	}
	return false
}

func delivered(d *cluster.Daemon, name string) bool {
	_, err := os.Stat(filepath.Join(d.Lab, name))
	return err == nil
}

// A Job is admitted when its shards are there and not before, though the controller is killed meanwhile.
func TestAdmittedWhenThere(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	d.Run("pause")
	p := c.Controller(t, d, ns)
	j := job(ns, "train", "1")
	c.Make(t, j)
	c.Until(t, "the controller says how the data stands", func() bool { return entry(t, c, ns, kueue.CheckStatePending, "c4 at lab") })
	if !suspended(t, c, j) || delivered(d, "a.tar") {
		t.Error("the Job goes on, or its data does, though the link is paused")
	}
	p.Kill()
	p.Start()
	p.Leads(c)
	if !suspended(t, c, j) {
		t.Error("a new controller let the Job go on, though nothing is there")
	}
	d.Run("resume")
	c.Until(t, "the shard is there", func() bool {
		if !suspended(t, c, j) && !delivered(d, "a.tar") {
			t.Fatal("the Job goes on before its shard is there")
		}
		return delivered(d, "a.tar")
	})
	begun := time.Now()
	c.Until(t, "the Job goes on", func() bool { return !suspended(t, c, j) })
	t.Logf("%s from the shard at its place to the Job that goes on: its proof by the daemon, the verdict, and Kueue", time.Since(begun).Round(10*time.Millisecond))
	says := j.Spec.Template.Annotations
	if says[declaration.Snapshot] == "" || says[declaration.URL] != "file://"+d.Lab+"/" {
		t.Errorf("the pods are told %v", says)
	}
}

// workloadOf a Job, as Kueue has made it.
func workloadOf(t *testing.T, c *cluster.Cluster, j *batchv1.Job) *kueue.Workload {
	t.Helper()
	var all kueue.WorkloadList
	if err := c.Client.List(t.Context(), &all, client.InNamespace(j.Namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range all.Items {
		if metav1.IsControlledBy(&all.Items[i], j) {
			return &all.Items[i]
		}
	}
	return &kueue.Workload{}
}

// What does not fit a budget is rejected, with words that name the budget where people look, also after Kueue has deactivated it; and a Job that asks for
// nothing goes on meanwhile.
func TestBudgetRefusal(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{More: "budgets:\n  - {name: tiny, window: total, bytes: 1KiB}\n"})
	d.Put("a.tar", make([]byte, 1<<20))
	p := c.Controller(t, d, ns)
	j, other := job(ns, "train", "1"), job(ns, "other", "1")
	other.Spec.Template.Annotations = nil
	c.Make(t, j, other)
	// Kueue makes the entry Pending again within milliseconds after it was Rejected, in words that do not say why.
	rejected := func() bool {
		w := workloadOf(t, c, j)
		return !ptr.Deref(w.Spec.Active, true) && entry(t, c, ns, kueue.CheckStatePending, "was rejected: c4 at lab cannot be had: held by budget tiny")
	}
	c.Until(t, "the Workload is deactivated, and its entry says why", rejected)
	c.Until(t, "the Job that asks for nothing goes on", func() bool { return !suspended(t, c, other) })
	c.Until(t, "an event of the Job says why", func() bool { return told(t, c, j, "DataRefused", "held by budget tiny") })
	if n := p.Metric("datagravity_kubernetes_admission_writes_total", `state="Rejected"`); n != 1 {
		t.Errorf("it was rejected %g times", n)
	}
	// A controller that is killed before Kueue has made the entry Pending again does not say why. The next one knows it.
	p.Kill()
	// Kueue writes to it at the same time.
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		w := workloadOf(t, c, j)
		w.Status.AdmissionChecks[0].Message = "Reset to Pending after eviction. Previously: Rejected"
		return c.Client.Status().Update(t.Context(), w)
	})
	if err != nil || rejected() {
		t.Fatalf("it still says why, or %v", err)
	}
	p.Start()
	c.Until(t, "a controller that did not reject it says why", rejected)
	if n := p.Metric("datagravity_kubernetes_admission_writes_total", `state="Rejected"`); n != 0 {
		t.Errorf("it was rejected %g times more", n)
	}
	// Once the Workload is made anew it is answered anew.
	if err := c.Client.Delete(t.Context(), workloadOf(t, c, j)); err != nil {
		t.Fatal(err)
	}
	c.Until(t, "it is rejected once more", func() bool {
		return rejected() && p.Metric("datagravity_kubernetes_admission_writes_total", `state="Rejected"`) == 1
	})
	// Of one that somebody activates it is not said any more that it was rejected.
	p.Kill()
	p.Start() // it has written nothing yet, so that it writes at once
	if w := workloadOf(t, c, j); meta.FindStatusCondition(w.Status.Conditions, admission.Rejected) == nil {
		t.Errorf("no condition says why: %v", w.Status.Conditions)
	}
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		w := workloadOf(t, c, j)
		w.Spec.Active = ptr.To(true)
		return c.Client.Update(t.Context(), w)
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Until(t, "it will be rejected, and is not", func() bool {
		return entry(t, c, ns, kueue.CheckStatePending, "will be rejected unless that changes") &&
			meta.FindStatusCondition(workloadOf(t, c, j).Status.Conditions, admission.Rejected) == nil
	})
	if !suspended(t, c, j) || delivered(d, "a.tar") {
		t.Error("what was refused goes on")
	}
	for _, e := range entries(t, c, ns) {
		t.Logf("%s: %s", e.State, e.Message)
	}
}

// Wherever a controller is killed, the next one goes on from there.
func TestKilledAtAnyMoment(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	p := c.Controller(t, d, ns)
	var all []*batchv1.Job
	for i := range 6 {
		j := job(ns, fmt.Sprintf("train-%d", i), "1")
		c.Make(t, j)
		all = append(all, j)
		time.Sleep(time.Duration(i) * 300 * time.Millisecond) // a moment that differs, nothing is waited for
		p.Kill()
		p.Start()
	}
	c.Until(t, "all Jobs go on", func() bool {
		for _, j := range all {
			if suspended(t, c, j) {
				return false
			}
		}
		return true
	})
	if !delivered(d, "a.tar") {
		t.Error("they go on without their data")
	}
	for _, e := range entries(t, c, ns) {
		if e.State != kueue.CheckStateReady {
			t.Errorf("%s: %s", e.State, e.Message)
		}
	}
}
