package admission

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
	apply "sigs.k8s.io/kueue/client-go/applyconfiguration/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/staging"
)

// Serving is the condition of a check that says who answers it, and whether the daemon does. Kueue looks at Active alone.
const Serving = "Serving"

// answered is what Kueue reads of a check that is ours.
var answered = metav1.Condition{Type: kueue.AdmissionCheckActive, Status: metav1.ConditionTrue, Reason: "Active", Message: "a controller of datagravity answers it"}

// farewell is how long the last word of a controller may take.
const farewell = 5 * time.Second

// Checks keeps the conditions of the AdmissionChecks that are ours.
type Checks struct {
	Client     client.Client
	Desk       *staging.Desk
	Controller string // name
	// Where the daemon is, Self the name of this process, Lease the lease that it renews while it leads: for people.
	Where, Self, Lease string
	Now                func() time.Time

	mu   sync.Mutex
	seen map[string]*kueue.AdmissionCheck
}

// Reconcile looks at one check.
func (r *Checks) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	check := &kueue.AdmissionCheck{}
	if err := r.Client.Get(ctx, q.NamespacedName, check); err != nil {
		r.keep(q.Name, nil)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if check.Spec.ControllerName != r.Controller || !check.DeletionTimestamp.IsZero() {
		r.keep(q.Name, nil)
		return reconcile.Result{}, nil
	}
	r.keep(q.Name, check)
	active := answered
	if check.Spec.Parameters != nil {
		active.Status, active.Reason = metav1.ConditionFalse, "ParametersNotKnown"
		active.Message = "spec.parameters: this check has none; leave them out, and configure the controller instead"
	}
	serving := metav1.Condition{
		Type: Serving, Status: metav1.ConditionTrue, Reason: "DaemonAnswers",
		Message: fmt.Sprintf("%s serves it as long as it renews the lease %s; the datagravity daemon at %s answers", r.Self, r.Lease, r.Where),
	}
	if s := r.Desk.Silence(); s != nil {
		serving.Status, serving.Reason = metav1.ConditionFalse, string(s.Kind())
		serving.Message = oneLine(s.Says(r.Where, time.RFC3339)) + ". Workloads that ask for data wait, others go on"
	}
	return reconcile.Result{}, r.write(ctx, check, active, serving)
}

// write conditions, if they say anything new.
func (r *Checks) write(ctx context.Context, check *kueue.AdmissionCheck, list ...metav1.Condition) error {
	conditions := append([]metav1.Condition{}, check.Status.Conditions...)
	changed := false
	out := apply.AdmissionCheckStatus()
	for _, c := range list {
		c.ObservedGeneration, c.LastTransitionTime = check.Generation, metav1.NewTime(r.Now())
		changed = apimeta.SetStatusCondition(&conditions, c) || changed
		now := apimeta.FindStatusCondition(conditions, c.Type)
		out.WithConditions(applymeta.Condition().WithType(c.Type).WithStatus(c.Status).WithReason(c.Reason).WithMessage(c.Message).
			WithObservedGeneration(c.ObservedGeneration).WithLastTransitionTime(now.LastTransitionTime))
	}
	if !changed {
		return nil
	}
	err := r.Client.Status().Apply(ctx, apply.AdmissionCheck(check.Name).WithUID(check.UID).WithStatus(out), client.FieldOwner(r.Controller), client.ForceOwnership)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it was taken away, or made anew
	}
	return err
}

// keep a check in mind, for the last word.
func (r *Checks) keep(name string, check *kueue.AdmissionCheck) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]*kueue.AdmissionCheck{}
	}
	if r.seen[name] = check; check == nil {
		delete(r.seen, name)
	}
}

// names of the checks that are ours.
func (r *Checks) names() (list []types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.seen {
		list = append(list, types.NamespacedName{Name: name})
	}
	return list
}

// Start waits until the controller ends, and has each check say that nobody serves it. Who leads next says otherwise. Active stays as it is: a new version
// that is rolled out would otherwise stop every ClusterQueue for a moment.
func (r *Checks) Start(ctx context.Context) error {
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, check := range r.seen {
		active := apimeta.FindStatusCondition(check.Status.Conditions, kueue.AdmissionCheckActive)
		if active == nil {
			active = &answered
		}
		err := r.write(ctx, check, *active, metav1.Condition{
			Type: Serving, Status: metav1.ConditionFalse, Reason: "ControllerEnded",
			Message: fmt.Sprintf("%s ended at %s. Workloads that ask for data wait until a controller runs again", r.Self, r.Now().UTC().Format(time.RFC3339)),
		})
		if err != nil {
			return fmt.Errorf("say that %s is not served any more: %w", check.Name, err)
		}
	}
	return nil
}

// NeedLeaderElection is true: who does not lead serves nothing.
func (r *Checks) NeedLeaderElection() bool { return true }
