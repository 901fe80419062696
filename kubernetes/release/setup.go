package release

import (
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/datagravity/datagravity/kubernetes/notice"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/kubernetes/wake"
)

// atOnce are the objects of one kind that are looked at together.
const atOnce = 4

// Setup has a manager release Jobs and Pods, and RayJobs where the cluster has them. Its cache must hold the labelled objects alone.
func Setup(m ctrl.Manager, r Releaser, ray bool) error {
	r.notices = &notice.Board{}
	batch, gate, rays := &jobs{r}, &pods{r}, &rayJobs{r}
	if err := watch(m, r.Desk, kindJob, &batchv1.Job{}, batch, batch.wants); err != nil {
		return err
	}
	if err := watch(m, r.Desk, kindPod, &corev1.Pod{}, gate, gate.wants); err != nil {
		return err
	}
	if !ray {
		return nil
	}
	return watch(m, r.Desk, kindRayJob, NewRayJob(), rays, rays.wants)
}

// watch objects of a kind, and what becomes of their data.
func watch(m ctrl.Manager, desk *staging.Desk, kind string, of client.Object, by reconcile.Reconciler, wants staging.Source) error {
	var bell wake.Bell
	desk.Read(wants)
	desk.Tell(kind, bell.Ring)
	return ctrl.NewControllerManagedBy(m).Named(strings.ToLower(kind)).For(of).WatchesRawSource(bell.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: atOnce}).Complete(by)
}
