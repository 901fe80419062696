package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/notice"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// Releaser is what the controllers of all kinds have in common.
type Releaser struct {
	Client client.Client
	Events events.EventRecorder
	Desk   *staging.Desk
	// Cluster is what the cluster is called at the daemon, and Where the daemon is.
	Cluster, Where string
	Now            func() time.Time

	notices *notice.Board
}

// subject is an object of some kind, and how it is released.
type subject struct {
	client.Object // to be read
	kind          schema.GroupVersionKind
	needs         func() (declaration.Needs, error)
	// waits tells that it is ours to release, and was not released.
	waits func() bool
	// missing is what is said of one that declares nothing.
	missing string
	// release it as it was read. Errors are of the API server; failed is what they kept us from.
	release func(needs declaration.Needs, found []map[string]string) error
	failed  string
}

// look at an object: have its data be brought, and release it when all of that is there.
func (r *Releaser) look(ctx context.Context, name types.NamespacedName, s subject) (reconcile.Result, error) {
	o := staging.Object{Kind: s.kind.Kind, NamespacedName: name}
	if err := r.Client.Get(ctx, name, s.Object); err != nil {
		if apierrors.IsNotFound(err) {
			r.Desk.Want(o, nil)
			r.notices.Forget(s.kind.Kind, name)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	s.GetObjectKind().SetGroupVersionKind(s.kind) // what is read into a Go type has none
	needs, wrong := s.needs()
	if wrong != nil {
		needs.Jobs = nil
	}
	r.Desk.Want(o, needs.Jobs)
	if !s.waits() {
		return reconcile.Result{}, nil
	}
	if wrong == nil && len(needs.Jobs) == 0 {
		wrong = &declaration.Mistake{Annotation: declaration.Dataset, Message: s.missing}
	}
	if wrong != nil {
		r.notices.Warn(r.Events, s.Object, "DataDeclaration", strings.Join(strings.Fields(wrong.Error()), " "))
		return reconcile.Result{}, nil
	}
	found, again, err := r.ready(ctx, s.Object, needs)
	if err != nil || len(found) == 0 {
		return reconcile.Result{RequeueAfter: again}, err
	}
	if err := s.release(needs, found); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil // what changed it calls for another look
		}
		return reconcile.Result{}, fmt.Errorf("%s: %w", s.failed, err)
	}
	s.GetObjectKind().SetGroupVersionKind(s.kind) // the answer to a patch has none
	r.notices.Tell(r.Events, s.Object, "DataReady", "its data is there and proven; it was released")
	releases.WithLabelValues(s.kind.Kind).Inc()
	return reconcile.Result{}, nil
}

// ready tells whether all that an object needs is there, looked at again. If not, events say why it cannot be had, and again after how long to look.
func (r *Releaser) ready(ctx context.Context, about client.Object, needs declaration.Needs) (found []map[string]string, again time.Duration, err error) {
	var why []string
	there := true
	for _, j := range needs.Jobs {
		s := r.Desk.Standing(j.ID)
		there = there && s.Ready()
		switch {
		case s.Refused != "":
			why = append(why, s.Refused)
		case s.Told && (s.Status.State == dispatch.Blocked || s.Status.State == dispatch.Held || s.Status.Kind != ""):
			why = append(why, s.Status.Dataset+": "+s.Status.Why)
		}
		found = append(found, declaration.Found(s.Status))
	}
	if s := r.Desk.Silence(); s != nil {
		r.notices.Warn(r.Events, about, "DataUnknown", s.Says(r.Where, time.RFC3339))
		return nil, 0, nil
	}
	if len(why) > 0 {
		r.notices.Warn(r.Events, about, "DataRefused", strings.Join(strings.Fields(strings.Join(why, "; ")), " "))
	}
	if !there {
		return nil, 0, nil
	}
	if again, err = r.Desk.Confirm(ctx, needs.Jobs); err != nil || again > 0 {
		return nil, again, err
	}
	return found, 0, nil
}

// wanted is what objects of a kind want, of those whose declaration is right.
func wanted[T any, P interface {
	*T
	client.Object
}](kind string, all []T, needs func(P) (declaration.Needs, error)) map[staging.Object][]spec.Job {
	out := map[staging.Object][]spec.Job{}
	for i := range all {
		o := P(&all[i])
		if n, err := needs(o); err == nil && len(n.Jobs) > 0 {
			out[staging.Object{Kind: kind, NamespacedName: client.ObjectKeyFromObject(o)}] = n.Jobs
		}
	}
	return out
}

// labelled tells whether somebody wants an object to be released, and Kueue does not manage it.
func labelled(o client.Object) bool {
	return o.GetLabels()[declaration.Release] == "true" && o.GetLabels()[queueLabel] == ""
}

// queueLabel has Kueue suspend and release an object.
const queueLabel = "kueue.x-k8s.io/queue-name"
