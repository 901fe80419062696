package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/datagravity/datagravity/internal/emulator"
)

// Render the chart as helm would, for a namespace; in the order of its files. Helm's engine is in a module of its own, which only tests build.
func Render(t testing.TB, namespace string, values map[string]any) []*unstructured.Unstructured {
	t.Helper()
	root, err := emulator.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(Program(t, filepath.Join("kubernetes", "charttest"), "./cmd/render"), namespace)
	cmd.Dir = filepath.Join(root, "kubernetes", "charttest")
	cmd.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("render the chart: %v\n%s", err, &errs)
	}
	list, err := Decode(out.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return list
}

// Decode the objects of a file in YAML.
func Decode(text []byte) (list []*unstructured.Unstructured, err error) {
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		if len(u.Object) > 0 {
			list = append(list, u)
		}
	}
}

// install makes the service account and the rights of a rendered chart, and returns the account of the controller's Deployment and the arguments of its
// container. All else of the chart needs nodes.
func (c *Cluster) install(t testing.TB, rendered []*unstructured.Unstructured) (account string, args []string, err error) {
	t.Helper()
	for _, o := range rendered {
		switch o.GetKind() {
		case "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
			c.Make(t, o)
			if o.GetNamespace() == "" {
				t.Cleanup(func() { _ = c.Client.Delete(context.Background(), o) }) // in no namespace of the test's
			}
		case "Deployment":
			var d appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
				return "", nil, err
			}
			account, args = d.Spec.Template.Spec.ServiceAccountName, d.Spec.Template.Spec.Containers[0].Args
			// The API server checks all of it, and makes nothing.
			if err := c.Client.Create(context.Background(), o, client.DryRunAll); err != nil {
				return "", nil, fmt.Errorf("the API server does not take the Deployment: %w", err)
			}
		}
	}
	if len(args) == 0 {
		return "", nil, errors.New("the chart has no Deployment")
	}
	return account, args, nil
}
