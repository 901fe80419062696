package charttest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// understood are the annotations that say what pods need; docs/kubernetes.md has them.
var understood = []string{
	"datagravity.dev/dataset", "datagravity.dev/shards", "datagravity.dev/destination", "datagravity.dev/need-by", "datagravity.dev/priority",
}

// template of pods somewhere in an object, with its annotations.
func templates(o any, found func(annotations map[string]any)) {
	switch o := o.(type) {
	case map[string]any:
		if meta, ok := o["metadata"].(map[string]any); ok && o["spec"] != nil {
			if a, ok := meta["annotations"].(map[string]any); ok {
				found(a)
			}
		}
		for _, v := range o {
			templates(v, found)
		}
	case []any:
		for _, v := range o {
			templates(v, found)
		}
	}
}

// Examples are what Kubernetes' own types take, and wait as they say: by suspend, by a gate, or, in the last resort alone, by an init container.
func TestExamples(t *testing.T) {
	asks := map[string]bool{"kueue.yaml": true, "job.yaml": true, "rayjob.yaml": true, "pod-gate.yaml": true, "init-container.yaml": false}
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) != len(asks) {
		t.Fatalf("%q, %v", files, err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		declared := 0
		for k, d := range split(t, map[string]string{name: string(text)}) {
			templates(d.Object, func(annotations map[string]any) {
				for a := range annotations {
					if strings.HasPrefix(a, "datagravity.dev/") && !slices.Contains(understood, a) {
						t.Errorf("%s: %s: what is %s?", name, k, a)
					}
				}
				if annotations["datagravity.dev/dataset"] != nil && annotations["datagravity.dev/destination"] != nil {
					declared++
				}
			})
			waits(t, name, k, d)
		}
		if (declared > 0) != asks[name] {
			t.Errorf("%s: %d pod templates declare what they need", name, declared)
		}
	}
}

func waits(t *testing.T, file, name string, d document) {
	t.Helper()
	var pod corev1.PodSpec
	waiting := false
	switch d.GetKind() {
	case "Job":
		var j batchv1.Job
		strict(t, file, d, &j)
		pod, waiting = j.Spec.Template.Spec, j.Spec.Suspend != nil && *j.Spec.Suspend
	case "Pod":
		var p corev1.Pod
		strict(t, file, d, &p)
		pod, waiting = p.Spec, slices.Contains(p.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: "datagravity.dev/data"})
	case "RayJob":
		waiting, _, _ = unstructured.NestedBool(d.Object, "spec", "suspend")
	default:
		return
	}
	if last := file == "init-container.yaml"; waiting == last || (len(pod.InitContainers) > 0) != last {
		t.Errorf("%s: %s waits: %v, init containers: %d", file, name, waiting, len(pod.InitContainers))
	}
	queued, released := d.GetLabels()["kueue.x-k8s.io/queue-name"] != "", d.GetLabels()["datagravity.dev/release"] == "true"
	if waiting && queued == released {
		t.Errorf("%s: %s is let go by Kueue: %v, by the controller: %v", file, name, queued, released)
	}
}

func strict(t *testing.T, file string, d document, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(d.text, into); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}
