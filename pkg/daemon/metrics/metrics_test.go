package metrics

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

// Every metric that is documented has a value, and there are no others; their names, units and texts are as Prometheus wants them.
func TestMetricsAreThoseThatAreDefined(t *testing.T) {
	m := whole(t)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), namespace) {
			got = append(got, f.GetName()+" "+strings.ToLower(f.GetType().String()))
		}
	}
	for _, d := range Definitions() {
		want = append(want, d.Name+" "+d.Kind)
	}
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-defined +shown):\n%s", d)
	}
}

func TestValues(t *testing.T) {
	got := string(scraped(t, whole(t)))
	for _, line := range []string{
		`datagravity_moved_bytes_total{destination="lab",source="lake",way="full"} 6`,
		`datagravity_resumed_bytes_total{destination="lab",source="lake",way="full"} 4`,
		`datagravity_shards_total{destination="lab",outcome="done",source="lake",way="full"} 1`,
		`datagravity_shards_total{destination="lab",outcome="failed",source="lake",way="full"} 1`,
		`datagravity_transfers_in_flight 1`,
		`datagravity_network_received_bytes_total 22`,
		`datagravity_store_requests_limit{store="lake"} 8`,
		`datagravity_store_throttled_requests_total{store="lake"} 7`,
		`datagravity_jobs{state="on_time"} 2`,
		`datagravity_jobs{state="ready"} 1`,
		`datagravity_jobs{state="blocked"} 0`,
		`datagravity_job_margin_seconds{dataset="c4",job_id="on_time-0",state="on_time"} -10`,
		`datagravity_job_missing_shards{dataset="c4",destination="lab",job_id="on_time-1"} 2`,
		`datagravity_budget_limit_usd{budget="egress"} 100`,
		`datagravity_budget_in_doubt{budget="egress"} 0`,
		`datagravity_ledger_spent_usd_total{destination="lab",source="lake"} 5`,
		`datagravity_held_shards{dataset="c4",destination="lab"} 1`,
		`datagravity_missing_shards{dataset="c4",destination="lab"} 2`,
		`datagravity_unsound_shards{dataset="c4",destination="lab"} 1`,
		`datagravity_problems_total{kind="integrity"} 1`,
		`datagravity_problems_total{kind="auth"} 0`,
		`datagravity_pauses 1`,
		fmt.Sprintf(`datagravity_dataset_listed_timestamp_seconds{dataset="c4"} %v`, float64(noon.Add(-time.Hour).Unix())),
		fmt.Sprintf(`datagravity_last_success_timestamp_seconds{activity="backup",dataset="",destination=""} %v`, float64(noon.Add(-2*time.Hour).Unix())),
		`datagravity_notifications_total{outcome="given_up",target="ops"} 4`,
		`datagravity_pass_duration_seconds_count 1`,
		`datagravity_passes_total{outcome="failed"} 0`,
		`datagravity_left_out_series{of="jobs"} 0`,
	} {
		if name, _, _ := strings.Cut(line, "{"); !strings.Contains(got, line+"\n") {
			i := strings.Index(got, "\n"+strings.Fields(name)[0])
			t.Errorf("not there: %s\nbut: %.300s", line, got[max(i, 0):])
		}
	}
}

// Ten thousand jobs are shown by their states, and those one by one that have the least time left.
func TestManyJobsStaySmall(t *testing.T) {
	list := append(jobs(6000, dispatch.Ready), jobs(4000, dispatch.OnTime)...)
	list[9000].ID = strings.Repeat("\xff", 300)
	slices.Reverse(list)
	m := New(Options{Reader: reader(t, func(context.Context) ([]dispatch.Status, error) { return list, nil })})
	defer m.Close()
	got := scraped(t, m)
	const most = 100 << 10
	if len(got) > most {
		t.Errorf("a scrape has %d bytes, want at most %d", len(got), most)
	}
	t.Logf("%d bytes for %d jobs", len(got), len(list))
	text := string(got)
	for _, line := range []string{
		`datagravity_jobs{state="ready"} 6000`, `datagravity_jobs{state="on_time"} 4000`,
		fmt.Sprintf(`datagravity_left_out_series{of="jobs"} %d`, 4000-mostJobs), `job_id="on_time-0"`, fmt.Sprintf(`job_id="on_time-%d"`, mostJobs-1),
	} {
		if !strings.Contains(text, line) {
			t.Errorf("not there: %s", line)
		}
	}
	if n := strings.Count(text, "\ndatagravity_job_margin_seconds{"); n != mostJobs || strings.Contains(text, `job_id="ready-`) {
		t.Errorf("%d jobs one by one", n)
	}
}

// A reading that takes long holds no scrape up: what was read before is shown, with its age. One that fails is counted, and the rest is shown.
func TestReadingsThatTakeLongOrFail(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{}, 9)
	first := true
	r := reader(t, func(context.Context) ([]dispatch.Status, error) {
		if first {
			first = false
			return jobs(3, dispatch.Late), nil
		}
		held <- struct{}{}
		<-hold
		return nil, errors.New("the plan cannot be made")
	})
	m := New(Options{Reader: r, patience: 200 * time.Millisecond})
	scraped(t, m)
	for range 2 { // the second one finds the reading of the first still under way
		got := string(scraped(t, m))
		for _, line := range []string{`datagravity_jobs{state="late"} 3`, `datagravity_reading_age_seconds{reading="jobs"}`, `datagravity_held_shards`} {
			if !strings.Contains(got, line) {
				t.Errorf("not there: %s", line)
			}
		}
	}
	<-held
	if len(held) != 0 {
		t.Error("it was begun twice")
	}
	close(hold)
	m.Close()
	if got := string(scraped(t, m)); !strings.Contains(got, `datagravity_reading_failures_total{reading="jobs"}`) ||
		strings.Contains(got, `datagravity_reading_failures_total{reading="jobs"} 0`) || !strings.Contains(got, `datagravity_jobs{state="late"} 3`) {
		t.Error("a reading that failed is not counted")
	}
	m.Close()
}

var ownName = regexp.MustCompile(`\bdatagravity_[a-z_]+`)

// What the alerts and the dashboard name exists, and the table of the documentation is what the code has.
func TestShippedFilesNameWhatThereIs(t *testing.T) {
	known := map[string]bool{}
	var table strings.Builder
	table.WriteString("| metric | kind | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, d := range Definitions() {
		known[d.Name] = true
		if d.Kind == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[d.Name+suffix] = true
			}
		}
		var labels []string
		for _, l := range d.Labels {
			labels = append(labels, "`"+l+"`")
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", d.Name, d.Kind, strings.Join(labels, ", "), d.Help)
	}
	for _, name := range []string{"packaging/prometheus/datagravity.rules.yml", "packaging/prometheus/datagravity.rules.test.yml", "packaging/grafana/datagravity.json", "docs/monitoring.md"} {
		found := ownName.FindAllString(text(t, name), -1)
		if len(found) < 5 {
			t.Errorf("%s names %d metrics", name, len(found))
		}
		for _, one := range found {
			if !known[one] {
				t.Errorf("%s names %s, which does not exist", name, one)
			}
		}
	}
	if !strings.Contains(text(t, "docs/monitoring.md"), table.String()) {
		t.Errorf("docs/monitoring.md does not have this table:\n%s", table.String())
	}
	for alert := range strings.SplitSeq(text(t, "packaging/prometheus/datagravity.rules.yml"), "- alert: ") {
		alert, _, _ = strings.Cut(alert, "\n")
		if strings.HasPrefix(alert, "#") {
			continue
		}
		if !strings.Contains(text(t, "docs/monitoring.md"), "`"+alert+"`") {
			t.Errorf("docs/monitoring.md does not tell of %s", alert)
		}
		if strings.Count(text(t, "packaging/prometheus/datagravity.rules.test.yml"), "alertname: "+alert) < 2 {
			t.Errorf("%s has no tests of when it fires and when not", alert)
		}
	}
}
