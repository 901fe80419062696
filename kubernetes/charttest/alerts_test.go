package charttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// promtool is Prometheus' own, where make promtool put it.
func promtool(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("DATAGRAVITY_CACHE")
	if cache == "" {
		cache = "../../.cache"
	}
	path, err := filepath.Abs(filepath.Join(cache, "bin", "promtool"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("NOT TESTED: alerts, without promtool: make promtool")
	}
	return path
}

// alerts are tried on series that two replicas would have; those of another release, which is well, change nothing.
const alerts = `
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - name: one leads and reaches its daemon
    interval: 1m
    input_series:
      - {series: 'leader_election_master_status{namespace="datagravity", job="datagravity-controller-metrics", pod="a", name="l"}', values: 1x20}
      - {series: 'leader_election_master_status{namespace="datagravity", job="datagravity-controller-metrics", pod="b", name="l"}', values: 0x20}
      - {series: 'datagravity_kubernetes_daemon_up{namespace="datagravity", job="datagravity-controller-metrics", pod="a"}', values: 1x20}
      - {series: 'datagravity_kubernetes_daemon_up{namespace="datagravity", job="datagravity-controller-metrics", pod="b"}', values: 0x20}
    promql_expr_test: &none
      - {expr: 'count(ALERTS{alertstate="firing"})', eval_time: 15m, exp_samples: []}
  - name: nobody is there but another release
    interval: 1m
    input_series:
      - {series: 'leader_election_master_status{namespace="other", job="datagravity-controller-metrics", pod="a", name="l"}', values: 1x20}
      - {series: 'datagravity_kubernetes_daemon_up{namespace="other", job="datagravity-controller-metrics", pod="a"}', values: 1x20}
    promql_expr_test: &gone
      - {expr: 'count(ALERTS{alertstate="firing"})', eval_time: 3m, exp_samples: []}
      - {expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: 15m, exp_samples: [{labels: '{alertname="DatagravityControllerGone"}', value: 1}]}
  - name: two are there and neither leads
    interval: 1m
    input_series:
      - {series: 'leader_election_master_status{namespace="datagravity", job="datagravity-controller-metrics", pod="a", name="l"}', values: 0x20}
      - {series: 'leader_election_master_status{namespace="datagravity", job="datagravity-controller-metrics", pod="b", name="l"}', values: 0x20}
      - {series: 'datagravity_kubernetes_daemon_up{namespace="datagravity", job="datagravity-controller-metrics", pod="a"}', values: 0x20}
    promql_expr_test: *gone
  - name: who leads does not reach its daemon, and jobs were refused
    interval: 1m
    input_series:
      - {series: 'leader_election_master_status{namespace="datagravity", job="datagravity-controller-metrics", pod="a", name="l"}', values: 1x40}
      - {series: 'datagravity_kubernetes_daemon_up{namespace="datagravity", job="datagravity-controller-metrics", pod="a"}', values: 0x40}
      - {series: 'datagravity_kubernetes_jobs{namespace="datagravity", job="datagravity-controller-metrics", pod="a", state="refused"}', values: 2x40}
      - {series: 'datagravity_kubernetes_jobs{namespace="datagravity", job="datagravity-controller-metrics", pod="a", state="ready"}', values: 9x40}
    promql_expr_test:
      - {expr: 'count(ALERTS{alertstate="firing"})', eval_time: 3m, exp_samples: []}
      - {expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: 10m, exp_samples: [{labels: '{alertname="DatagravityDaemonSilent"}', value: 1}]}
      - expr: 'count by (alertname) (ALERTS{alertstate="firing"})'
        eval_time: 30m
        exp_samples: [{labels: '{alertname="DatagravityDaemonSilent"}', value: 1}, {labels: '{alertname="DatagravityJobsRefused"}', value: 1}]
`

func TestAlerts(t *testing.T) {
	tool, dir := promtool(t), t.TempDir()
	rules, err := yaml.Marshal(rendered(t, full)["PrometheusRule datagravity/datagravity-controller"].Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"rules.yml": rules, "test.yml": []byte(alerts)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(tool, "test", "rules", "test.yml")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, rules)
	}
}
