package charttest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const namespace = "datagravity"

// load the chart.
func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir("../chart")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render the chart's templates with values in YAML, as helm install datagravity does. Errors: what Helm says, of the schema too.
func render(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(values), &v); err != nil {
		t.Fatal(err)
	}
	c := load(t)
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "datagravity", Namespace: namespace, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	out, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for path, text := range out {
		files[strings.TrimPrefix(path, "datagravity/templates/")] = text
	}
	return files, nil
}

// objects are what a rendering has, by "Kind namespace/name".
type objects map[string]document

// document is one object as text, decoded when it is asked for.
type document struct {
	text []byte
	unstructured.Unstructured
}

func key(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())
}

// split texts of YAML into objects. Of two with one name the API server would keep the second.
func split(t *testing.T, texts map[string]string) objects {
	t.Helper()
	out := objects{}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		for text := range strings.SplitSeq("\n"+texts[file], "\n---\n") {
			d := document{text: []byte(text + "\n")} // what ends it ends a block of text in it
			if err := yaml.UnmarshalStrict(d.text, &d.Object); err != nil {
				t.Fatalf("%s: %v\n%s", file, err, text)
			}
			if len(d.Object) == 0 {
				continue
			}
			k := key(&d.Unstructured)
			if _, twice := out[k]; twice || d.GetName() == "" || d.GetAPIVersion() == "" {
				t.Errorf("%s: %s is twice, or has no name or version", file, k)
			}
			out[k] = d
		}
	}
	return out
}

// rendered are the objects of a rendering that must succeed, each decoded strictly where it is of Kubernetes itself.
func rendered(t *testing.T, values string) objects {
	t.Helper()
	files, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	all := split(t, files)
	for k, d := range all {
		into := known(d.GetAPIVersion(), d.GetKind())
		if into == nil {
			if d.GetAPIVersion() != "monitoring.coreos.com/v1" {
				t.Errorf("%s: what is %s?", k, d.GetAPIVersion())
			}
			continue
		}
		if err := yaml.UnmarshalStrict(d.text, into); err != nil {
			t.Errorf("%s: %v\n%s", k, err, d.text)
		}
	}
	return all
}

// known is a new object of a kind that has Go types here.
func known(version, kind string) any {
	switch version + " " + kind {
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "apps/v1 StatefulSet":
		return &appsv1.StatefulSet{}
	case "v1 Service":
		return &corev1.Service{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "policy/v1 PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "rbac.authorization.k8s.io/v1 Role":
		return &rbacv1.Role{}
	case "rbac.authorization.k8s.io/v1 RoleBinding":
		return &rbacv1.RoleBinding{}
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	}
	return nil
}

// as decodes one object.
func as[T any](t *testing.T, all objects, name string) *T {
	t.Helper()
	d, ok := all[name]
	if !ok {
		t.Fatalf("there is no %s, but %q", name, slices.Sorted(maps.Keys(all)))
	}
	out := new(T)
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(d.text), out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}
