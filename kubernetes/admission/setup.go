package admission

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/wake"
)

// atOnce are the Workloads that are looked at together: each write waits for the API server.
const atOnce = 8

// Setup has a manager run both reconcilers.
func Setup(m ctrl.Manager, w *Workloads, c *Checks) error {
	var workloads, checks wake.Bell
	w.Desk.Read(w.Wants)
	w.Desk.Tell(KindWorkload, workloads.Ring)
	w.Desk.TellSilence(func() { checks.Ring(c.names()) })
	err := ctrl.NewControllerManagedBy(m).Named("workload").For(&kueue.Workload{}).
		WatchesRawSource(workloads.Source()).
		WatchesRawSource(source.Kind(m.GetCache(), &kueue.AdmissionCheck{}, handler.TypedEnqueueRequestsFromMapFunc(w.with))).
		WithOptions(controller.Options{MaxConcurrentReconciles: atOnce}).Complete(w)
	if err != nil {
		return err
	}
	if err := m.Add(c); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(m).Named("admissioncheck").For(&kueue.AdmissionCheck{}).
		WatchesRawSource(checks.Source()).Complete(c)
}

// with are the Workloads that wait for a check: it may be ours only now.
func (r *Workloads) with(ctx context.Context, check *kueue.AdmissionCheck) (list []reconcile.Request) {
	if check.Spec.ControllerName != r.Controller {
		return nil
	}
	var all kueue.WorkloadList
	if err := r.Client.List(ctx, &all); err != nil {
		return nil // each is looked at when it is read
	}
	for i := range all.Items {
		for _, e := range all.Items[i].Status.AdmissionChecks {
			if string(e.Name) == check.Name && e.State == kueue.CheckStatePending {
				list = append(list, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
			}
		}
	}
	return list
}
