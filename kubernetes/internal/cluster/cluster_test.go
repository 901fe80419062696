package cluster

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
)

func TestMain(m *testing.M) { Main(m) }

// Kueue's manager admits a Job, the API server knows who asks, and a daemon brings a shard: what the other tests stand on.
func TestStart(t *testing.T) {
	c := Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	ns := c.Namespace(t)
	stranger, _ := c.ServiceAccount(t, ns, "nobody")
	as, err := client.New(stranger, client.Options{Scheme: c.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := as.List(ctx, &corev1.PodList{}, client.InNamespace(ns)); !apierrors.IsForbidden(err) {
		t.Errorf("a service account without any right: %v", err)
	}

	c.Kueue(t)
	c.Queue(t, ns, "queue")
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "train", Labels: map[string]string{"kueue.x-k8s.io/queue-name": "queue"}},
		Spec: batchv1.JobSpec{Suspend: ptr.To(true), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "train", Image: "train", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
			}}},
		}}},
	}
	c.Make(t, job)
	c.Until(t, "the Job runs", func() bool {
		return c.Client.Get(ctx, client.ObjectKeyFromObject(job), job) == nil && !*job.Spec.Suspend
	})
	var list kueue.WorkloadList
	if err := c.Client.List(ctx, &list, client.InNamespace(ns)); err != nil || len(list.Items) != 1 {
		t.Errorf("%d Workloads, %v", len(list.Items), err)
	}

	d := NewDaemon(t, DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	d.Run("jobs", "add", "one", "--dataset", "c4", "--to", "lab")
	d.Run("wait", "--job", "one", "--timeout", "2m")
	if b, err := os.ReadFile(filepath.Join(d.Lab, "a.tar")); err != nil || string(b) != "shard" {
		t.Errorf("%q, %v", b, err)
	}
}
