package charttest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

const (
	clusterRole = "ClusterRole /datagravity-datagravity-controller"
	leaderRole  = "Role datagravity/datagravity-controller-leader"
)

// rights are lines "group/resource verb", with the name where a rule has one.
func rights(rules []rbacv1.PolicyRule) (list []string) {
	for _, r := range rules {
		for _, g := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, v := range r.Verbs {
					line := g + "/" + resource + " " + v
					if len(r.ResourceNames) > 0 {
						line += " " + strings.Join(r.ResourceNames, ",")
					}
					list = append(list, line)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

var (
	checks = []string{
		"kueue.x-k8s.io/admissionchecks list", "kueue.x-k8s.io/admissionchecks watch", "kueue.x-k8s.io/admissionchecks/status patch",
	}
	workloads = []string{"kueue.x-k8s.io/workloads list", "kueue.x-k8s.io/workloads watch", "kueue.x-k8s.io/workloads/status patch"}
	events    = []string{"events.k8s.io/events create", "events.k8s.io/events patch"}
	jobs      = []string{"/pods list", "/pods patch", "/pods watch", "batch/jobs list", "batch/jobs patch", "batch/jobs watch"}
	rayJobs   = []string{"ray.io/rayjobs list", "ray.io/rayjobs patch", "ray.io/rayjobs watch"}
)

func equal(t *testing.T, what string, got []string, want ...[]string) {
	t.Helper()
	if w := slices.Sorted(slices.Values(slices.Concat(want...))); !slices.Equal(got, w) {
		t.Errorf("%s may\n%q, want\n%q", what, got, w)
	}
}

// Every right is written down here a second time: one more must be meant twice.
func TestRights(t *testing.T) {
	all := rendered(t, "")
	equal(t, "the cluster role", rights(as[rbacv1.ClusterRole](t, all, clusterRole).Rules), checks, workloads, events, jobs, rayJobs)
	equal(t, "who leads", rights(as[rbacv1.Role](t, all, leaderRole).Rules), []string{
		"/events create", "/events patch", "coordination.k8s.io/leases create",
		"coordination.k8s.io/leases get datagravity-controller", "coordination.k8s.io/leases update datagravity-controller",
	})
	never := rendered(t, "controller: {kueue: never, ray: never}")
	equal(t, "without Kueue and KubeRay", rights(as[rbacv1.ClusterRole](t, never, clusterRole).Rules), events, jobs)
	only := rendered(t, "controller: {release: false}")
	equal(t, "with Kueue alone", rights(as[rbacv1.ClusterRole](t, only, clusterRole).Rules), checks, workloads, events)
}

// In namespaces that are named nothing is allowed in others, but to answer AdmissionChecks, which are in none.
func TestRightsInNamespaces(t *testing.T) {
	all := rendered(t, "namespaces: [a, b]")
	equal(t, "the cluster role", rights(as[rbacv1.ClusterRole](t, all, clusterRole).Rules), checks)
	for _, n := range []string{"a", "b"} {
		name := "Role " + n + "/datagravity-datagravity-controller"
		equal(t, name, rights(as[rbacv1.Role](t, all, name).Rules), workloads, events, jobs, rayJobs)
	}
	for _, k := range slices.Sorted(maps.Keys(rendered(t, "{namespaces: [a], controller: {kueue: never}}"))) {
		if strings.HasPrefix(k, "Cluster") {
			t.Errorf("there is %s, and all that is done is done in a namespace", k)
		}
	}
}

// A role that nobody is bound to, or a binding of another account, is an install that fails at its first request.
func TestRolesAreBound(t *testing.T) {
	for name, values := range map[string]string{"all namespaces": "", "two": "namespaces: [a, b]"} {
		t.Run(name, func(t *testing.T) {
			all := rendered(t, values)
			bound := map[string]bool{}
			bind := func(namespace string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
				bound[ref.Kind+" "+namespace+"/"+ref.Name] = true
				if len(subjects) != 1 || all["ServiceAccount "+subjects[0].Namespace+"/"+subjects[0].Name].Object == nil {
					t.Errorf("%s is for %v", ref.Name, subjects)
				}
			}
			for k := range all {
				switch kind, _, _ := strings.Cut(k, " "); kind {
				case "RoleBinding":
					b := as[rbacv1.RoleBinding](t, all, k)
					bind(b.Namespace, b.RoleRef, b.Subjects)
				case "ClusterRoleBinding":
					b := as[rbacv1.ClusterRoleBinding](t, all, k)
					bind("", b.RoleRef, b.Subjects)
				}
			}
			for k := range all {
				if kind, _, _ := strings.Cut(k, " "); (kind == "Role" || kind == "ClusterRole") && !bound[k] {
					t.Errorf("%s is bound to nobody", k)
				}
			}
		})
	}
}

// Beside each rule is why it is there.
func TestRightsHaveReasons(t *testing.T) {
	text, err := os.ReadFile("../chart/templates/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rules := "", 0
	for line := range strings.SplitSeq(string(text), "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "- {apiGroups:") {
			if rules++; !strings.HasPrefix(before, "# ") {
				t.Errorf("no reason before %s", line)
			}
		}
		before = line
	}
	if rules < 9 {
		t.Errorf("%d rules found", rules)
	}
}
