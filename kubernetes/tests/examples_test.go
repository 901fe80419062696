package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// declarations are the annotations of all pod templates in an object, and of the object itself, that ask for data.
func declarations(of any) (list []map[string]string) {
	switch of := of.(type) {
	case map[string]any:
		if said, there, err := unstructured.NestedStringMap(of, "metadata", "annotations"); there && err == nil && declaration.Asks(said) {
			list = append(list, said)
		}
		for _, v := range of {
			list = append(list, declarations(v)...)
		}
	case []any:
		for _, v := range of {
			list = append(list, declarations(v)...)
		}
	}
	return list
}

// Every example is what the API server takes, applied with each field known, and what its annotations say can be meant.
func TestExamples(t *testing.T) {
	c := cluster.Start(t)
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	asks := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, err := cluster.Decode(text)
		if err != nil || len(list) == 0 {
			t.Errorf("%s: %d objects, %v", path, len(list), err)
		}
		for _, o := range list {
			for _, said := range declarations(o.Object) {
				asks++
				if _, err := declaration.Read("id", said, time.Now()); err != nil {
					t.Errorf("%s: %s %s: %v", path, o.GetKind(), o.GetName(), err)
				}
			}
			if err := apply(t, c, o); err != nil {
				t.Errorf("%s: %s %s: %v", path, o.GetKind(), o.GetName(), err)
			}
		}
	}
	if asks < 5 {
		t.Errorf("%d declarations were found", asks)
	}
	// A field that nobody knows is refused, of Kubernetes' own kinds and of others: what was applied above has none.
	for _, u := range []map[string]any{
		{"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{"containers": []any{map[string]any{"name": "train", "image": "train"}}}},
		{"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "spec": map[string]any{"clusterQueue": "queue"}},
	} {
		u["metadata"] = map[string]any{"name": "misspelt", "namespace": "default"}
		o := &unstructured.Unstructured{Object: u}
		if err := apply(t, c, o); err != nil {
			t.Errorf("%s: %v", o.GetKind(), err)
		}
		u["spec"].(map[string]any)["suspnd"] = true //nolint:forcetypeassert // as it stands above
		if err := apply(t, c, o); err == nil || !strings.Contains(err.Error(), "suspnd") {
			t.Errorf("a %s with a field that there is not: %v", o.GetKind(), err)
		}
	}
}

// apply an object as if: with each of its fields known to the API server, and nothing stays. The examples are in the namespace default, where other tests'
// controllers might look.
func apply(t *testing.T, c *cluster.Cluster, o *unstructured.Unstructured) error {
	t.Helper()
	strict := client.WithFieldValidation(c.Client, "Strict")
	// A copy: it becomes what the API server answers.
	return strict.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("examples"), client.ForceOwnership, client.DryRunAll)
}
