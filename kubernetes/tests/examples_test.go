package tests

import (
	"os"
	"path/filepath"
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
			// Nothing stays: the examples are in the namespace default, where other tests' controllers might look.
			apply := client.ApplyConfigurationFromUnstructured(o)
			if err := strict(c).Apply(t.Context(), apply, client.FieldOwner("examples"), client.ForceOwnership, client.DryRunAll); err != nil {
				t.Errorf("%s: %s %s: %v", path, o.GetKind(), o.GetName(), err)
			}
		}
	}
	if asks < 5 {
		t.Errorf("%d declarations were found", asks)
	}
	// A field that nobody knows is refused: what was applied above has none.
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "misspelt", "namespace": "default"}, "spec": map[string]any{"suspended": true},
	}}
	if err := strict(c).Create(t.Context(), u, client.DryRunAll); err == nil {
		t.Error("a Job with a field that there is not was taken")
	}
}

// strict is a client whose objects have no field that the API server does not know.
func strict(c *cluster.Cluster) client.Client { return client.WithFieldValidation(c.Client, "Strict") }
