package charttest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const (
	controllerName = "Deployment datagravity/datagravity-controller"
	daemonName     = "StatefulSet datagravity/datagravity-daemon"
)

// full has a value for all that is off by default.
const full = `
cluster: lab-1
controller:
  replicas: 3
  imagePullSecrets: [{name: pull}]
  nodeSelector: {pool: system}
  tolerations: [{key: system, operator: Exists}]
  affinity: {nodeAffinity: {}}
  priorityClassName: system-cluster-critical
  podAnnotations: {a: b}
api: {caSecret: ca, tokenSecret: secret-token}
daemon:
  config:
    agent: {location: "onprem:lab1"}
    stores: {lab: {url: "file:///data", location: "onprem:lab1"}}
  imagePullSecrets: [{name: pull}]
  tlsSecret: tls
  credentialSecrets: [aws]
  credentialFilesSecret: gcs
  serviceAccountAnnotations: {eks.amazonaws.com/role-arn: "arn"}
  podLabels: {azure.workload.identity/use: "true"}
  podAnnotations: {a: b}
  env: [{name: GOMEMLIMIT, value: 3GiB}]
  persistence: {storageClass: fast, size: 1Gi}
  extraVolumes: [{name: data, emptyDir: {}}]
  extraVolumeMounts: [{name: data, mountPath: /data}]
  nodeSelector: {pool: data}
  tolerations: [{key: data, operator: Exists}]
  affinity: {nodeAffinity: {}}
  priorityClassName: system-cluster-critical
metrics:
  serviceMonitor: {enabled: true, daemonTokenSecret: metrics-token, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
`

// pods of both programs.
func pods(t *testing.T, all objects) map[string]corev1.PodTemplateSpec {
	t.Helper()
	out := map[string]corev1.PodTemplateSpec{"controller": as[appsv1.Deployment](t, all, controllerName).Spec.Template}
	if _, ok := all[daemonName]; ok {
		out["daemon"] = as[appsv1.StatefulSet](t, all, daemonName).Spec.Template
	}
	return out
}

// A namespace that enforces the Pod Security Standard "restricted" takes both, and each says when it is alive and ready.
func TestPodsAreRestrictedAndProbed(t *testing.T) {
	for name, values := range map[string]string{"defaults": "", "full": full} {
		t.Run(name, func(t *testing.T) {
			for name, p := range pods(t, rendered(t, values)) {
				s := p.Spec.SecurityContext
				if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser != 65532 || s.SeccompProfile == nil ||
					s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || p.Spec.HostNetwork || p.Spec.HostPID || p.Spec.HostIPC {
					t.Errorf("%s: its pods are not restricted: %+v", name, s)
				}
				mounts := map[string]bool{}
				for _, v := range p.Spec.Volumes {
					mounts[v.Name] = true
					if v.HostPath != nil {
						t.Errorf("%s: %s is a folder of the node", name, v.Name)
					}
				}
				for _, c := range p.Spec.Containers {
					s := c.SecurityContext
					if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
						s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.Capabilities == nil ||
						!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
						t.Errorf("%s: its container is not restricted: %+v", name, s)
					}
					ports := map[string]bool{}
					for _, port := range c.Ports {
						ports[port.Name] = true
					}
					for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
						switch {
						case probe == nil:
							t.Errorf("%s: a probe is missing", name)
						case probe.HTTPGet != nil && !ports[probe.HTTPGet.Port.StrVal], probe.TCPSocket != nil && !ports[probe.TCPSocket.Port.StrVal]:
							t.Errorf("%s: a probe of a port that there is not: %+v", name, probe)
						}
					}
					if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
						t.Errorf("%s: no resources: %+v", name, c.Resources)
					}
					for _, m := range c.VolumeMounts {
						if !mounts[m.Name] && m.Name != "state" {
							t.Errorf("%s: mounts %s, which is no volume", name, m.Name)
						}
					}
				}
			}
		})
	}
}

// Labels that select pods are theirs, in all that selects any.
func TestSelectors(t *testing.T) {
	all := rendered(t, full)
	labels := map[string]map[string]string{}
	for name, p := range pods(t, all) {
		labels[name] = p.Labels
	}
	selects := func(what, component string, selector map[string]string) {
		t.Helper()
		if len(selector) < 3 {
			t.Errorf("%s selects %v", what, selector)
		}
		for k, v := range selector {
			if labels[component][k] != v {
				t.Errorf("%s selects %s=%s, and the pods have %v", what, k, v, labels[component])
			}
		}
	}
	selects("the deployment", "controller", as[appsv1.Deployment](t, all, controllerName).Spec.Selector.MatchLabels)
	selects("the stateful set", "daemon", as[appsv1.StatefulSet](t, all, daemonName).Spec.Selector.MatchLabels)
	selects("the metrics' service", "controller", as[corev1.Service](t, all, "Service datagravity/datagravity-controller-metrics").Spec.Selector)
	selects("the daemon's service", "daemon", as[corev1.Service](t, all, "Service datagravity/datagravity-daemon").Spec.Selector)
	pdb := as[policyv1.PodDisruptionBudget](t, all, "PodDisruptionBudget datagravity/datagravity-controller")
	selects("the budget", "controller", pdb.Spec.Selector.MatchLabels)
	if pdb.Spec.MinAvailable == nil || pdb.Spec.MinAvailable.IntValue() != 1 {
		t.Errorf("the budget keeps %v", pdb.Spec.MinAvailable)
	}
	if p := pdb.Spec.UnhealthyPodEvictionPolicy; p == nil || *p != policyv1.AlwaysAllow {
		t.Errorf("pods that are not ready keep their nodes: %v", p)
	}
}

// With one replica a budget would keep its node from being drained.
func TestNoDisruptionBudgetForOne(t *testing.T) {
	if _, ok := rendered(t, "controller: {replicas: 1}")["PodDisruptionBudget datagravity/datagravity-controller"]; ok {
		t.Error("one replica has a disruption budget")
	}
}

func args(t *testing.T, values string) []string {
	t.Helper()
	return as[appsv1.Deployment](t, rendered(t, values), controllerName).Spec.Template.Spec.Containers[0].Args
}

func TestArgumentsFollowValues(t *testing.T) {
	fingerprint := strings.Repeat("ab", 32)
	for _, c := range []struct {
		values    string
		has, lack []string
	}{
		{"", []string{"--daemon=https://datagravity-daemon.datagravity.svc:8443", "--cluster=kubernetes", "--kueue=auto", "--ray=auto", "--release=true",
			"--leader-elect=true", "--lease=datagravity-controller", "--lease-namespace=datagravity"},
			[]string{"--namespace=", "--daemon-ca=", "--daemon-fingerprint="}},
		{"{namespaces: [a, b], cluster: x, controller: {kueue: always, ray: never, release: false}}",
			[]string{"--namespace=a", "--namespace=b", "--cluster=x", "--kueue=yes", "--ray=no", "--release=false"}, nil},
		{"{daemon: {enabled: false}, api: {url: 'https://d:1', caSecret: c}}", []string{"--daemon=https://d:1", "--daemon-ca=/etc/datagravity/ca/ca.crt"}, nil},
		{"{api: {fingerprint: " + fingerprint + "}}", []string{"--daemon-fingerprint=" + fingerprint}, []string{"--daemon-ca="}},
	} {
		got := args(t, c.values)
		for _, want := range c.has {
			if !slices.Contains(got, want) {
				t.Errorf("%s: no %s in %q", c.values, want, got)
			}
		}
		for _, not := range c.lack {
			if slices.ContainsFunc(got, func(a string) bool { return strings.HasPrefix(a, not) }) {
				t.Errorf("%s: %s in %q", c.values, not, got)
			}
		}
	}
}

// Values that cannot be meant are refused before anything is installed.
func TestValuesAreChecked(t *testing.T) {
	nearly := strings.Repeat("ab", 35)
	for values, words := range map[string]string{
		"controler: {}": "'controler' not allowed", "cluster: ''": "'/cluster': '' does not match", "cluster: a/b": "'a/b' does not match", "namespaces: [A_B]": "'/namespaces/0'",
		"controller: {kueue: sometimes}": "one of 'auto', 'always', 'never'", "controller: {replicas: '2'}": "want integer",
		"controller: {kueue: never, release: false}": "leave the controller nothing to do",
		"controller: {pending: soon}":                "'/controller/pending': 'soon'", "controller: {pending: 0m0.0s}": "controller.pending: 0m0.0s is no time; want more than 0",
		"controller: {retry: 9.5s}": "controller.retry: 9.5s is too short; want 10s or more", "controller: {retry: 500ms}": "want 10s or more", "controller: {retry: 0m09s}": "want 10s or more",
		"controller: {poll: 99ms}": "controller.poll: 99ms is too short; want 100ms or more", "controller: {poll: 0s}": "want 100ms or more",
		"api: {url: 'http://d:1'}": "'/api/url'", "api: {url: 'https://d:1/api'}": "'/api/url'", "api: {url: 'https://me@d:1'}": "'/api/url'",
		"api: {fingerprint: abc}": "'/api/fingerprint'", "api: {fingerprint: " + nearly + "}": "'/api/fingerprint'",
		"daemon: {enabled: false}":                  "api.url: give the address of a datagravity daemon",
		"daemon: {config: {api: {listen: ':1'}}}":   "daemon.config.api: the chart writes it; leave it out",
		"daemon: {config: {agent: {state: /x}}}":    "daemon.config.agent.state: the chart writes it",
		"daemon: {config: {agent: {socket: /x}}}":   "daemon.config.agent.socket: the chart writes it",
		"daemon: {persistence: {size: much}}":       "'/daemon/persistence/size'",
		"daemon: {persistence: {accessMode: Many}}": "one of 'ReadWriteOnce', 'ReadWriteOncePod'",
	} {
		if _, err := render(t, values); err == nil {
			t.Errorf("%s: is taken", values)
		} else if said := strings.Join(strings.Fields(err.Error()), " "); !strings.Contains(said, words) {
			t.Errorf("%s: %s", values, said)
		}
	}
	// The least that can be meant is taken.
	for _, values := range []string{
		"controller: {pending: 1ms, retry: 10s, poll: 100ms}", "controller: {pending: 0m1s, retry: 1m5s, poll: 1s5ms}", "controller: {retry: 0h1m, poll: 0.5s}",
		"api: {url: 'https://d:1/'}", "api: {fingerprint: '" + strings.TrimSuffix(strings.Repeat("aB:", 32), ":") + "'}", "daemon: {persistence: {size: 1.5Ti}}",
	} {
		if _, err := render(t, values); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// The daemon's own names are in its configuration: by another it would refuse to answer.
func TestDaemonConfiguration(t *testing.T) {
	all := rendered(t, full)
	var config struct {
		Agent struct{ Location, State, Socket string }
		API   struct {
			Listen string
			Hosts  []string
			TLS    struct{ Cert, Key string }
		}
		Stores map[string]any
	}
	if err := yaml.Unmarshal([]byte(as[corev1.ConfigMap](t, all, "ConfigMap datagravity/datagravity-daemon").Data["datagravity.yaml"]), &config); err != nil {
		t.Fatal(err)
	}
	if config.Agent.Location != "onprem:lab1" || config.Agent.State != "/var/lib/datagravity/state" || config.API.Listen != ":8443" || len(config.Stores) != 1 ||
		config.API.TLS.Cert != "/etc/datagravity/tls/tls.crt" || !slices.Contains(config.API.Hosts, "datagravity-daemon.datagravity.svc") {
		t.Errorf("%+v", config)
	}
	before := pods(t, rendered(t, ""))["daemon"].Annotations
	if after := pods(t, all)["daemon"].Annotations; before["datagravity.dev/configuration"] == after["datagravity.dev/configuration"] {
		t.Error("another configuration is the same pod")
	}
}

// There is no daemon where another is asked.
func TestWithoutDaemon(t *testing.T) {
	for _, k := range slices.Sorted(maps.Keys(rendered(t, "{daemon: {enabled: false}, api: {url: 'https://d:1'}}"))) {
		if strings.Contains(k, "daemon") {
			t.Errorf("there is %s", k)
		}
	}
}

func TestNotesSayWhatToDo(t *testing.T) {
	for values, want := range map[string]string{
		"": "exec datagravity-daemon-0 -- /datagravity token create", "{daemon: {enabled: false}, api: {url: 'https://d:1'}}": "at https://d:1",
	} {
		files, err := render(t, values)
		if err != nil || !strings.Contains(files["NOTES.txt"], want) {
			t.Errorf("%s: %v\n%s", values, err, files["NOTES.txt"])
		}
	}
}
