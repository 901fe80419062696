package release

import (
	"context"
	"encoding/json"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
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
	j := &batchv1.Job{}
	return r.look(ctx, q.NamespacedName, subject{
		Object: j, kind: batchv1.SchemeGroupVersion.WithKind(kindJob), needs: func() (declaration.Needs, error) { return r.needs(j) },
		waits: func() bool {
			_, before := j.Annotations[declaration.Released]
			return labelled(j) && !finished(j) && j.Spec.Suspend != nil && *j.Spec.Suspend && !before
		},
		missing: "is missing at spec.template.metadata.annotations; a Job that needs no data has no label " + declaration.Release,
		release: func(_ declaration.Needs, found []map[string]string) error { return r.unsuspend(ctx, j, found[0]) },
		failed:  "release the Job",
	})
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
