package release

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// RayJob is KubeRay's kind. Five fields of it are read; its Go types would bring the whole of KubeRay's module.
var RayJob = schema.GroupVersionKind{Group: "ray.io", Version: "v1", Kind: kindRayJob}

const kindRayJob = "RayJob"

// NewRayJob is one without anything.
func NewRayJob() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(RayJob)
	return u
}

// rayJobs of KubeRay.
type rayJobs struct{ Releaser }

// wants reads what all RayJobs want: a [staging.Source].
func (r *rayJobs) wants(ctx context.Context) (map[staging.Object][]spec.Job, error) {
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(RayJob.GroupVersion().WithKind(kindRayJob + "List"))
	if err := r.Client.List(ctx, &all); err != nil {
		return nil, err
	}
	return wanted(kindRayJob, all.Items, r.needs), nil
}

// rayTemplate is a template of pods in a RayJob, and the path of it in JSON.
type rayTemplate struct {
	declaration.Template
	path string
}

// rayTemplates are those of a cluster's head and workers. The submitter's pod starts when the cluster's are there, and is no reason to wait.
func rayTemplates(j *unstructured.Unstructured) (list []rayTemplate) {
	add := func(name, path string, group map[string]any) {
		t := rayTemplate{path: path + "/template"}
		t.Name = name
		t.Annotations, _, _ = unstructured.NestedStringMap(group, "template", "metadata", "annotations")
		list = append(list, t)
	}
	if head, there, _ := unstructured.NestedMap(j.Object, "spec", "rayClusterSpec", "headGroupSpec"); there {
		add("head", "/spec/rayClusterSpec/headGroupSpec", head)
	}
	groups, _, _ := unstructured.NestedSlice(j.Object, "spec", "rayClusterSpec", "workerGroupSpecs")
	for i, g := range groups {
		if group, ok := g.(map[string]any); ok {
			name, _, _ := unstructured.NestedString(group, "groupName")
			add(fmt.Sprintf("workers %d %s", i, name), fmt.Sprintf("/spec/rayClusterSpec/workerGroupSpecs/%d", i), group)
		}
	}
	return list
}

// rayFinished tells that a RayJob is over.
func rayFinished(j *unstructured.Unstructured) bool {
	status, _, _ := unstructured.NestedString(j.Object, "status", "jobDeploymentStatus")
	return status == "Complete" || status == "Failed" || status == "ValidationFailed" || j.GetDeletionTimestamp() != nil
}

func (r *rayJobs) needs(j *unstructured.Unstructured) (declaration.Needs, error) {
	if !labelled(j) || rayFinished(j) {
		return declaration.Needs{}, nil
	}
	var list []declaration.Template
	for _, t := range rayTemplates(j) {
		list = append(list, t.Template)
	}
	return declaration.Of(owner(r.Cluster, j), list)
}

// Reconcile looks at one RayJob.
func (r *rayJobs) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	j := NewRayJob()
	return r.look(ctx, q.NamespacedName, subject{
		Object: j, kind: RayJob, needs: func() (declaration.Needs, error) { return r.needs(j) },
		waits: func() bool {
			_, before := j.GetAnnotations()[declaration.Released]
			suspended, _, _ := unstructured.NestedBool(j.Object, "spec", "suspend")
			return labelled(j) && !rayFinished(j) && suspended && !before
		},
		missing: "is missing at the pod templates of spec.rayClusterSpec; a RayJob that needs no data has no label " + declaration.Release,
		release: func(needs declaration.Needs, found []map[string]string) error {
			return r.unsuspend(ctx, j, needs, found)
		},
		failed: "release the RayJob",
	})
}

// unsuspend a RayJob as it was looked at. Its groups are a list, whose items a merge patch would replace; this one changes single values.
func (r *rayJobs) unsuspend(ctx context.Context, j *unstructured.Unstructured, needs declaration.Needs, found []map[string]string) error {
	type op struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	now := r.Now().UTC().Format(time.RFC3339)
	ops := []op{{"replace", "/metadata/resourceVersion", j.GetResourceVersion()}, {"replace", "/spec/suspend", false}}
	if j.GetAnnotations() == nil {
		ops = append(ops, op{"add", "/metadata/annotations", map[string]string{declaration.Released: now}})
	} else {
		ops = append(ops, op{"add", "/metadata/annotations/" + pointer(declaration.Released), now})
	}
	for _, t := range rayTemplates(j) {
		n, asks := needs.Of[t.Name]
		if !asks {
			continue
		}
		for name, value := range found[n] { // it asks, so it has annotations
			ops = append(ops, op{"add", t.path + "/metadata/annotations/" + pointer(name), value})
		}
	}
	b, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	return r.Client.Patch(ctx, j, client.RawPatch(types.JSONPatchType, b))
}

// pointer is a name in a JSON pointer (RFC 6901).
func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
