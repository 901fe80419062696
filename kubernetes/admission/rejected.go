package admission

import (
	"context"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
)

// Rejected is the condition of a Workload that says why it was rejected. Kueue deactivates such a Workload within milliseconds, and puts words of its own over
// the entry that said why: who looks would see that it was rejected, and not what to mend. The condition is written together with the entry, so that a controller
// that is killed then loses nothing; and what a controller applies without it is without it, so that it goes when something else is said of the Workload.
const Rejected = "datagravity.dev/Rejected"

// rejection of a Workload, nil if it was not rejected.
func rejection(wl *kueue.Workload) *metav1.Condition {
	if c := apimeta.FindStatusCondition(wl.Status.Conditions, Rejected); c != nil && c.Status == metav1.ConditionTrue {
		return c
	}
	return nil
}

// rejecting is the condition that belongs to a verdict, nil if none does.
func (r *Workloads) rejecting(wl *kueue.Workload, v Verdict) *applymeta.ConditionApplyConfiguration {
	was := rejection(wl)
	c := applymeta.Condition().WithType(Rejected).WithStatus(metav1.ConditionTrue).WithObservedGeneration(wl.Generation)
	switch {
	case v.State == kueue.CheckStateRejected && v.Mistaken:
		c.WithReason("DataDeclaration")
	case v.State == kueue.CheckStateRejected:
		c.WithReason("DataRefused")
	case over(wl) && was != nil:
		return c.WithReason(was.Reason).WithMessage(was.Message).WithObservedGeneration(was.ObservedGeneration).WithLastTransitionTime(was.LastTransitionTime)
	default:
		return nil
	}
	return c.WithMessage(v.Message).WithLastTransitionTime(metav1.NewTime(r.Now()))
}

// sayAgain why a Workload was rejected, once Kueue has made its entry Pending again.
func (r *Workloads) sayAgain(ctx context.Context, wl *kueue.Workload) (reconcile.Result, error) {
	why := rejection(wl)
	if why == nil || !wl.DeletionTimestamp.IsZero() || wl.Spec.Active == nil || *wl.Spec.Active {
		return reconcile.Result{}, nil
	}
	open, err := r.open(ctx, wl)
	if err != nil || len(open) == 0 {
		return reconcile.Result{}, err
	}
	message := "was rejected: " + why.Message + ". When that is mended, delete this Workload, which Kueue makes anew, or make the Job anew"
	return r.write(ctx, wl, open, Verdict{State: kueue.CheckStatePending, Message: message}, nil)
}
