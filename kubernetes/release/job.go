package release

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// jobs are the batch Jobs.
type jobs struct{ Releaser }

const kindJob = "Job"

// wants reads what all Jobs want: a [staging.Source].
func (r *jobs) wants(ctx context.Context) (map[staging.Object][]spec.Job, error) {
	var all batchv1.JobList
	if err := r.Client.List(ctx, &all); err != nil {
		return nil, err
	}
	return wanted(kindJob, all.Items, r.needs), nil
}

// finished tells that a Job will make no pods any more.
func finished(j *batchv1.Job) bool {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return !j.DeletionTimestamp.IsZero()
}

func (r *jobs) needs(j *batchv1.Job) (declaration.Needs, error) {
	if !labelled(j) || finished(j) {
		return declaration.Needs{}, nil
	}
	return declaration.Of(owner(r.Cluster, j), []declaration.Template{{Annotations: j.Spec.Template.Annotations}})
}

func owner(cluster string, o client.Object) declaration.Owner {
	return declaration.Owner{
		Cluster: cluster, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID()), Since: o.GetCreationTimestamp().Time,
	}
}

// Reconcile looks at one Job.
func (r *jobs) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	j, o := &batchv1.Job{}, staging.Object{Kind: kindJob, NamespacedName: q.NamespacedName}
	if err := r.Client.Get(ctx, q.NamespacedName, j); err != nil {
		if apierrors.IsNotFound(err) {
			r.Desk.Want(o, nil)
			r.notices.Forget(kindJob, q.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	j.SetGroupVersionKind(batchv1.SchemeGroupVersion.WithKind(kindJob))
	needs, wrong := r.needs(j)
	if wrong != nil {
		needs.Jobs = nil
	}
	r.Desk.Want(o, needs.Jobs)
	suspended := j.Spec.Suspend != nil && *j.Spec.Suspend
	if _, before := j.Annotations[declaration.Released]; !labelled(j) || finished(j) || !suspended || before {
		return reconcile.Result{}, nil
	}
	if wrong != nil {
		r.wrong(j, wrong)
		return reconcile.Result{}, nil
	}
	if len(needs.Jobs) == 0 {
		r.wrong(j, &declaration.Mistake{Annotation: declaration.Dataset, Message: "is missing at spec.template.metadata.annotations; a Job that needs no data has no label " + declaration.Release})
		return reconcile.Result{}, nil
	}
	found, again, err := r.ready(ctx, j, needs)
	if err != nil || len(found) == 0 {
		return reconcile.Result{RequeueAfter: again}, err
	}
	if err := r.unsuspend(ctx, j, found[0]); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil // what changed it calls for another look
		}
		return reconcile.Result{}, fmt.Errorf("release the Job: %w", err)
	}
	r.released(j, batchv1.SchemeGroupVersion.WithKind(kindJob))
	return reconcile.Result{}, nil
}

// unsuspend a Job as it was looked at. The API server lets the annotations of its pods change while it is suspended and has not started.
func (r *jobs) unsuspend(ctx context.Context, j *batchv1.Job, found map[string]string) error {
	type object = map[string]any
	change := object{
		"metadata": object{"resourceVersion": j.ResourceVersion, "annotations": object{declaration.Released: r.Now().UTC().Format(time.RFC3339)}},
		"spec":     object{"suspend": false},
	}
	if j.Status.StartTime == nil {
		change["spec"] = object{"suspend": false, "template": object{"metadata": object{"annotations": found}}}
	}
	b, err := json.Marshal(change)
	if err != nil {
		return err
	}
	return r.Client.Patch(ctx, j, client.RawPatch(types.MergePatchType, b))
}
