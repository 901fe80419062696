package admission

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
	apply "sigs.k8s.io/kueue/client-go/applyconfiguration/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/notice"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// KindWorkload is the kind of [staging.Object] that Workloads are.
const KindWorkload = "Workload"

// rewrite is how long the message of an entry stands at least, if nothing but words changed.
const rewrite = time.Minute

// Workloads says of each Workload whether its data is there.
type Workloads struct {
	Client client.Client
	Events events.EventRecorder
	Desk   *staging.Desk
	// Cluster is what the cluster is called at the daemon, and Where the daemon is.
	Cluster, Where string
	// Controller is the controllerName of the checks that are answered, and who owns what is written.
	Controller string
	Limits     Limits
	Now        func() time.Time

	notices notice.Board
	mu      sync.Mutex
	written map[types.UID]time.Time // when an entry was written last
}

// Wants reads what all Workloads want: a [staging.Source].
func (r *Workloads) Wants(ctx context.Context) (map[staging.Object][]spec.Job, error) {
	var all kueue.WorkloadList
	if err := r.Client.List(ctx, &all); err != nil {
		return nil, err
	}
	out := make(map[staging.Object][]spec.Job, len(all.Items))
	for i := range all.Items {
		wl := &all.Items[i]
		if needs, err := r.needs(wl); err == nil && len(needs.Jobs) > 0 {
			out[object(wl)] = needs.Jobs
		}
	}
	return out, nil
}

func object(wl *kueue.Workload) staging.Object {
	return staging.Object{Kind: KindWorkload, NamespacedName: client.ObjectKeyFromObject(wl)}
}

// over tells that a Workload needs nothing any more, or nothing until somebody activates it.
func over(wl *kueue.Workload) bool {
	return !wl.DeletionTimestamp.IsZero() || apimeta.IsStatusConditionTrue(wl.Status.Conditions, kueue.WorkloadFinished) ||
		wl.Spec.Active != nil && !*wl.Spec.Active
}

// needs of a Workload's pods.
func (r *Workloads) needs(wl *kueue.Workload) (declaration.Needs, error) {
	if over(wl) {
		return declaration.Needs{}, nil
	}
	var list []declaration.Template
	for i := range wl.Spec.PodSets {
		p := &wl.Spec.PodSets[i]
		list = append(list, declaration.Template{Name: string(p.Name), Annotations: p.Template.Annotations})
	}
	return declaration.Of(declaration.Owner{
		Cluster: r.Cluster, Namespace: wl.Namespace, Name: wl.Name, UID: string(wl.UID), Since: wl.CreationTimestamp.Time,
	}, list)
}

// Reconcile looks at one Workload.
func (r *Workloads) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	wl := &kueue.Workload{}
	if err := r.Client.Get(ctx, q.NamespacedName, wl); err != nil {
		if apierrors.IsNotFound(err) {
			r.Desk.Want(staging.Object{Kind: KindWorkload, NamespacedName: q.NamespacedName}, nil)
			r.forget(q.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	wl.SetGroupVersionKind(kueue.GroupVersion.WithKind(KindWorkload)) // what is read into a Go type has none
	needs, wrong := r.needs(wl)
	if wrong != nil {
		needs.Jobs = nil // half of what pods need starts none of them
	}
	r.Desk.Want(object(wl), needs.Jobs)
	if over(wl) {
		return r.sayAgain(ctx, wl)
	}
	open, err := r.open(ctx, wl)
	if err != nil {
		return reconcile.Result{}, err
	}
	if rejection(wl) != nil && len(open) > 0 { // somebody activated it: what is said next of it is news
		r.notices.Forget(KindWorkload, q.NamespacedName)
	}
	facts := Facts{Reserved: reservedSince(wl), Wrong: wrong, Silence: r.Desk.Silence(), Where: r.Where, Now: r.Now()}
	for _, j := range needs.Jobs {
		facts.Jobs = append(facts.Jobs, r.Desk.Standing(j.ID))
	}
	v := Decide(facts, r.Limits)
	if v.Mistaken {
		r.notices.Warn(r.Events, wl, "DataDeclaration", v.Message)
	}
	if len(open) == 0 || v.State == "" {
		return reconcile.Result{RequeueAfter: v.Again}, nil
	}
	var updates []*apply.PodSetUpdateApplyConfiguration
	if v.State == kueue.CheckStateReady && len(needs.Jobs) > 0 {
		if again, err := r.Desk.Confirm(ctx, needs.Jobs); err != nil || again > 0 {
			return reconcile.Result{RequeueAfter: again}, err
		}
		if updates, err = podSetUpdates(wl, needs, facts.Jobs); err != nil {
			v = Verdict{State: kueue.CheckStateRejected, Message: err.Error(), Mistaken: true}
			r.notices.Warn(r.Events, wl, "DataDeclaration", v.Message)
		}
	}
	return r.write(ctx, wl, open, v, updates)
}

// reservedSince when quota is reserved for a Workload that is not being evicted; zero: it is not.
func reservedSince(wl *kueue.Workload) time.Time {
	c := apimeta.FindStatusCondition(wl.Status.Conditions, kueue.WorkloadQuotaReserved)
	if c == nil || c.Status != metav1.ConditionTrue || apimeta.IsStatusConditionTrue(wl.Status.Conditions, kueue.WorkloadEvicted) {
		return time.Time{}
	}
	return c.LastTransitionTime.Time
}

// open are our entries of a Workload that wait for an answer.
func (r *Workloads) open(ctx context.Context, wl *kueue.Workload) (list []kueue.AdmissionCheckState, err error) {
	for _, e := range wl.Status.AdmissionChecks {
		if e.State != kueue.CheckStatePending {
			continue
		}
		var check kueue.AdmissionCheck
		err := r.Client.Get(ctx, types.NamespacedName{Name: string(e.Name)}, &check)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, err
		case check.Spec.ControllerName == r.Controller:
			list = append(list, e)
		}
	}
	return list, nil
}

// podSetUpdates tell pods where their data is. Kueue fails a Workload for good when an update and a template say different things of one annotation.
func podSetUpdates(wl *kueue.Workload, needs declaration.Needs, standings []staging.Standing) (list []*apply.PodSetUpdateApplyConfiguration, err error) {
	for i := range wl.Spec.PodSets {
		p := &wl.Spec.PodSets[i]
		n, asks := needs.Of[string(p.Name)]
		if !asks {
			continue
		}
		say := declaration.Found(standings[n].Status)
		for name, value := range say {
			if has, there := p.Template.Annotations[name]; there && has != value {
				return nil, &declaration.Mistake{Annotation: name, Message: fmt.Sprintf("pods %q have it as %q already; leave it out, it is written when the data is there", p.Name, has)}
			}
		}
		list = append(list, apply.PodSetUpdate().WithName(p.Name).WithAnnotations(say))
	}
	return list, nil
}

// write the entries, if they say anything new.
func (r *Workloads) write(
	ctx context.Context, wl *kueue.Workload, open []kueue.AdmissionCheckState, v Verdict, updates []*apply.PodSetUpdateApplyConfiguration,
) (reconcile.Result, error) {
	if !slices.ContainsFunc(open, func(e kueue.AdmissionCheckState) bool { return e.State != v.State || e.Message != v.Message }) {
		return reconcile.Result{RequeueAfter: v.Again}, nil
	}
	now := r.Now()
	if v.State == kueue.CheckStatePending && !v.Mistaken {
		r.mu.Lock()
		rest := rewrite - now.Sub(r.written[wl.UID])
		r.mu.Unlock()
		if rest > 0 {
			return reconcile.Result{RequeueAfter: soonest(rest, v.Again)}, nil
		}
	}
	status := apply.WorkloadStatus()
	for _, e := range open {
		at := e.LastTransitionTime
		if e.State != v.State || at.IsZero() {
			at = metav1.NewTime(now)
		}
		entry := apply.AdmissionCheckState().WithName(e.Name).WithState(v.State).WithMessage(v.Message).WithLastTransitionTime(at)
		if v.Requeue > 0 {
			entry.WithRequeueAfterSeconds(int32(v.Requeue / time.Second)) // at most some minutes
		}
		status.WithAdmissionChecks(entry.WithPodSetUpdates(updates...))
	}
	if c := r.rejecting(wl, v); c != nil {
		status.WithConditions(c)
	}
	// What was decided was decided about this Workload as it was read: Kueue may have evicted it since.
	out := apply.Workload(wl.Name, wl.Namespace).WithUID(wl.UID).WithResourceVersion(wl.ResourceVersion).WithStatus(status)
	err := r.Client.Status().Apply(ctx, out, client.FieldOwner(r.Controller), client.ForceOwnership)
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return reconcile.Result{}, nil // what changed it calls for another look
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("write the admission check: %w", err)
	}
	verdicts.WithLabelValues(string(v.State)).Inc()
	if v.State == kueue.CheckStateRejected && !v.Mistaken {
		r.notices.Warn(r.Events, wl, "DataRefused", v.Message)
	}
	r.mu.Lock()
	if r.written == nil {
		r.written = map[types.UID]time.Time{}
	}
	r.written[wl.UID] = now
	if v.State != kueue.CheckStatePending {
		delete(r.written, wl.UID) // the next time it is Pending is another story
	}
	r.mu.Unlock()
	return reconcile.Result{RequeueAfter: v.Again}, nil
}

// soonest of two times of which 0 is never.
func soonest(a, b time.Duration) time.Duration {
	if b <= 0 || a > 0 && a < b {
		return a
	}
	return b
}

// forget a Workload that is gone.
func (r *Workloads) forget(name types.NamespacedName) {
	r.notices.Forget(KindWorkload, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	for uid, at := range r.written {
		if r.Now().Sub(at) > rewrite { // it holds nothing back any more
			delete(r.written, uid)
		}
	}
}
