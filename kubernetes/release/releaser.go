package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// lookAgain is after how long what was told as ready, and was not when it was looked at, is asked about once more.
const lookAgain = 5 * time.Second

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
		r.notices.Warn(r.Events, about, "DataUnknown", fmt.Sprintf("the datagravity daemon at %s does not answer since %s", r.Where, s.Since.UTC().Format(time.RFC3339)))
		return nil, 0, nil
	}
	if len(why) > 0 {
		r.notices.Warn(r.Events, about, "DataRefused", strings.Join(strings.Fields(strings.Join(why, "; ")), " "))
	}
	if !there {
		return nil, 0, nil
	}
	for _, j := range needs.Jobs {
		if ok, err := r.Desk.Confirm(ctx, j.ID); err != nil {
			return nil, 0, fmt.Errorf("look whether %s is ready: %w", j.ID, err)
		} else if !ok {
			return nil, lookAgain, nil
		}
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

// wrong says what is wrong with a declaration.
func (r *Releaser) wrong(about client.Object, err error) {
	r.notices.Warn(r.Events, about, "DataDeclaration", strings.Join(strings.Fields(err.Error()), " "))
}

// released says that an object of a kind was released.
func (r *Releaser) released(about client.Object, kind schema.GroupVersionKind) {
	about.GetObjectKind().SetGroupVersionKind(kind) // the answer to a patch has none
	r.notices.Tell(r.Events, about, "DataReady", "its data is there and proven; it was released")
	releases.WithLabelValues(kind.Kind).Inc()
}

// labelled tells whether somebody wants an object to be released, and Kueue does not manage it.
func labelled(o client.Object) bool {
	return o.GetLabels()[declaration.Release] == "true" && o.GetLabels()[queueLabel] == ""
}

// queueLabel has Kueue suspend and release an object.
const queueLabel = "kueue.x-k8s.io/queue-name"
