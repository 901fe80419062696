package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// pods that wait behind a scheduling gate.
type pods struct{ Releaser }

const kindPod = "Pod"

// wants reads what all Pods want: a [staging.Source].
func (r *pods) wants(ctx context.Context) (map[staging.Object][]spec.Job, error) {
	var all corev1.PodList
	if err := r.Client.List(ctx, &all); err != nil {
		return nil, err
	}
	return wanted(kindPod, all.Items, r.needs), nil
}

func over(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed || !p.DeletionTimestamp.IsZero()
}

func gated(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == declaration.Gate })
}

// needs of a pod: those of its owner's pods that say the same are one job, so the declaration is part of what the job is called by.
func (r *pods) needs(p *corev1.Pod) (declaration.Needs, error) {
	// Once it was released it wants its data to stay as long as it runs.
	if _, released := p.Annotations[declaration.Released]; over(p) || !gated(p) && !released || p.Labels[declaration.Release] != "true" {
		return declaration.Needs{}, nil
	}
	o := owner(r.Cluster, p)
	if by := metav1.GetControllerOf(p); by != nil {
		o.Name, o.UID = by.Name, digest(string(by.UID), p.Annotations)
	}
	return declaration.Of(o, []declaration.Template{{Annotations: p.Annotations}})
}

// digest tells apart what the pods of an owner declare.
func digest(uid string, annotations map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", uid)
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if declaration.Asks(map[string]string{name: ""}) {
			fmt.Fprintf(h, "%q%q", name, annotations[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Reconcile looks at one Pod.
func (r *pods) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	p := &corev1.Pod{}
	return r.look(ctx, q.NamespacedName, subject{
		Object: p, kind: corev1.SchemeGroupVersion.WithKind(kindPod), needs: func() (declaration.Needs, error) { return r.needs(p) },
		waits:   func() bool { return !over(p) && gated(p) },
		missing: "is missing; a Pod that needs no data has no gate " + declaration.Gate,
		release: func(_ declaration.Needs, found []map[string]string) error { return r.open(ctx, p, found[0]) },
		failed:  "take the gate of the Pod away",
	})
}

// open the gate of a Pod as it was looked at. Gates of others stay.
func (r *pods) open(ctx context.Context, p *corev1.Pod, found map[string]string) error {
	gates := []corev1.PodSchedulingGate{}
	for _, g := range p.Spec.SchedulingGates {
		if g.Name != declaration.Gate {
			gates = append(gates, g)
		}
	}
	found = maps.Clone(found)
	found[declaration.Released] = r.Now().UTC().Format(time.RFC3339)
	type object = map[string]any
	b, err := json.Marshal(object{
		"metadata": object{"resourceVersion": p.ResourceVersion, "annotations": found}, "spec": object{"schedulingGates": gates},
	})
	if err != nil {
		return err
	}
	return r.Client.Patch(ctx, p, client.RawPatch(types.MergePatchType, b))
}
