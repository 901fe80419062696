package dashboard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Where there is nothing, each page says what to do next, and nothing that is not so.
func TestNothing(t *testing.T) {
	s := newStand(t)
	for _, path := range everyPage {
		body := s.get(path)
		for _, wrong := range []string{"NaN", "<nil>", "%!", "0001", "ZgotmplZ"} {
			if strings.Contains(body, wrong) {
				t.Errorf("%s has %q in it", path, wrong)
			}
		}
	}
	for path, want := range map[string]string{
		"/": "Nothing is configured yet", "/jobs": "datagravity jobs add", "/data": "datagravity init", "/transfers": "Nothing moves now", "/budgets": "No budget is configured",
		"/spend": "Nothing was spent", "/problems": "None.",
	} {
		if body := s.get(path); !strings.Contains(body, want) {
			t.Errorf("%s does not say %q:\n%s", path, want, body)
		}
	}
}

var values = regexp.MustCompile(` value="[^"]*"`)

// hostile is a name that would be markup, a script, or turn what stands beside it around.
const hostile = `</title><script>alert(1)</script>"'><img src=x onerror=alert(2)>` + "\u202e\x00\x1b[31m javascript:alert(3)"

// long is a name of 4 KiB without a place to break it.
var long = strings.Repeat("<b>x</b>é", 500)

// called is a stand where everything that can have a name has this one, and the pages that show it.
func called(t *testing.T, name string) (*stand, []string) {
	t.Helper()
	budget := "b" + strings.ReplaceAll(name, "\x00", "")
	s := newStand(t, cost.Budget{Name: budget, LimitNanoUSD: cost.USD})
	moment := s.at.Add(time.Hour)
	s.reader.Agent = observe.Agent{Name: name, Version: name, Since: s.at}
	s.jobs.list = []dispatch.Status{{
		ID: name, Dataset: name, State: dispatch.Held, Team: name, Origin: name, Why: name, Selection: []string{name}, Notes: []string{name}, ETA: &moment,
		Places: []dispatch.Place{{Destination: name, State: dispatch.Held, Budget: name, NeedsUSD: 5, Why: name + "2", MissingShards: 1}},
	}}
	s.jobs.shards = []dispatch.ShardStatus{{Path: name, Destination: name, Why: name}}
	s.reader.Datasets = func() []observe.Dataset { return []observe.Dataset{{Name: name, Store: name, Prefix: name}} }
	place := observe.Place{Dataset: name, Destination: plan.Destination{Name: name, Store: name, Prefix: name}}
	s.reader.Places = func() []observe.Place { return []observe.Place{place} }
	s.snapshot(name, 3)
	for _, kind := range []engine.EventKind{engine.RunStarted, engine.ShardStarted} {
		s.reader.Recorder.Observe(engine.Event{Kind: kind, Dataset: name, Source: name, Destination: name, Path: name, Job: name, Way: name, Bytes: 10, Shards: 1})
	}
	slog.New(s.reader.Problems.Handler(slog.DiscardHandler)).Error(name, "path", name, "error", errors.New(name))
	return s, append(slices.Clone(everyPage), "/jobs/"+url.PathEscape(name)+"?show=all", "/budgets/"+url.PathEscape(budget), "/actions/pause?link="+url.QueryEscape(name+"->"+name))
}

// Names are text, however they are and however long.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{hostile, long} {
		s, pages := called(t, name)
		for _, path := range append(pages, "/jobs?q="+url.QueryEscape(name)) {
			body := values.ReplaceAllString(s.get(path), "") // a form sends what it was given
			for _, wrong := range []string{"<script>alert", "<img", "onerror=alert(2)>", "<b>x", "\u202e", "\x00", "\x1b", "ZgotmplZ", `href="javascript:`} {
				if strings.Contains(body, wrong) {
					t.Errorf("%.40q at %.60s: the page has %q in it", name, path, wrong)
				}
			}
		}
	}
}

// snapshot records one of a dataset, of shards of 1 KiB.
func (s *stand) snapshot(dataset string, n int) chunker.Digest {
	s.t.Helper()
	id := chunker.Digest{7}
	err := s.reader.Manifest.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, dataset, manifest.At(s.at))
		for i := range n {
			if err := w.Add(manifest.Shard{Path: fmt.Sprintf("%09d", i), Size: 1 << 10, Digest: chunker.Digest{byte(i)}}); err != nil {
				return err
			}
		}
		if _, err := w.Close(); err != nil {
			return err
		}
		return tx.PutDataset(manifest.Dataset{Name: dataset, Store: dataset, Latest: id, Listed: manifest.At(s.at)})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// 10,000 jobs, and a job of a million shards, come by the page.
func TestMany(t *testing.T) {
	s := newStand(t)
	states := []dispatch.State{dispatch.Ready, dispatch.OnTime, dispatch.Late, dispatch.Held, dispatch.Blocked, dispatch.Unresolved}
	for i := range 10_000 {
		eta, need, margin := s.at.Add(time.Duration(i)*time.Minute), s.at.Add(time.Duration(2*i)*time.Minute), int64(60*i)
		s.jobs.list = append(s.jobs.list, dispatch.Status{
			ID: fmt.Sprintf("run-%05d", i), Dataset: "c4", State: states[i%len(states)], ETA: &eta, NeedBy: &need, MarginSeconds: &margin, ShardCount: 1_000_000, Bytes: 1 << 40,
			Places: []dispatch.Place{{Destination: "aws", State: states[i%len(states)], MissingShards: 1, MissingBytes: 1 << 30}},
		})
	}
	for i := range 1_000_000 {
		s.jobs.shards = append(s.jobs.shards, dispatch.ShardStatus{Path: fmt.Sprintf("train/%09d.tar", i), Destination: "aws", Bytes: 1 << 20, Present: i%4 == 0})
	}
	const most = 256 << 10 // of a page, uncompressed
	rows := regexp.MustCompile(`<tr role="row">`)
	for _, c := range []struct {
		path string
		rows int // with that of the names of columns
		has  string
	}{
		{"/", jobsOnOverview + 1, "all 10,000"},
		{"/jobs", jobsPerPage + 1, "1–50 of 10,000"},
		{"/jobs?state=late&page=3", jobsPerPage + 1, "101–150 of 1,667"},
		{"/jobs?page=999999", jobsPerPage + 1, "9,951–10,000 of 10,000"},
		{"/jobs?page=-4&q=run-09999", 2, "run-09999"},
		{"/jobs/run-00001", shardsPerPage + 3, "1–100 of 750,000"},
		{"/jobs/run-00001?show=all&page=7500", shardsPerPage + 3, "749,901–750,000 of 1,000,000"},
		{"/jobs/run-00001?show=all&q=000000004", 4, "000000004"},
	} {
		body := s.get(c.path)
		if len(body) > most {
			t.Errorf("%s: %d bytes", c.path, len(body))
		}
		if n := len(rows.FindAllString(body, -1)); n != c.rows || !strings.Contains(body, c.has) {
			t.Errorf("%s: %d rows, want %d, and %q", c.path, n, c.rows, c.has)
		}
	}
	// What asks every two seconds gets no list of a million: the browser keeps the one that it has.
	r := httptest.NewRequest(http.MethodGet, "/jobs/run-00001", nil)
	r.Header.Set("HX-Request", "true")
	if body := s.ask(r).Body.String(); strings.Contains(body, "train/") || !strings.Contains(body, "hx-morph-skip aria-labelledby=\"h-shards\"") {
		t.Errorf("the frame has the list again: %s", body)
	}
}

// Whatever goes wrong, the answer has a status, says what to do, and is a page.
func TestFailures(t *testing.T) {
	s := newStand(t)
	s.jobs.list = []dispatch.Status{{ID: "run", State: dispatch.OnTime}}
	for path, want := range map[string]int{
		"/nowhere": 404, "/jobs/none": 404, "/budgets/none": 404, "/spend?month=November": 400, "/spend?by=colour": 400, "/actions/erase": 404,
		"/actions/pause?link=none": 404, "/actions/approve?budget=none": 404, "/assets/none.css": 404,
	} {
		if w := s.ask(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != want || want != 404 && !strings.Contains(w.Body.String(), "Go back") {
			t.Errorf("%s: %d, want %d\n%s", path, w.Code, want, w.Body)
		}
	}
	// A part that cannot be read does not take the rest with it.
	s.jobs.err = errors.New("the board is on fire")
	if body := s.get("/"); !strings.Contains(body, "the board is on fire") || !strings.Contains(body, "Not everything could be read") {
		t.Errorf("the overview hides what it could not read:\n%s", body)
	}
	if w := s.ask(httptest.NewRequest(http.MethodGet, "/jobs/run", nil)); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "journalctl") {
		t.Errorf("a job that cannot be read: %d\n%s", w.Code, w.Body)
	}
	s.jobs.err = nil
	s.reader.Agent.Command = "sync"
	if body := s.get("/"); !strings.Contains(body, "Jobs wait, and no daemon runs") || !strings.Contains(body, "datagravity sync --all") {
		t.Errorf("the overview hides that nobody works on jobs:\n%s", body)
	}
	s.reader.Healthy = func() (bool, string) { return false, "nothing moved for 20 minutes" }
	if body := s.get("/"); !strings.Contains(body, "The agent does not get on") || !strings.Contains(body, "Nothing moved for 20 minutes") {
		t.Errorf("the overview hides that the agent is not well:\n%s", body)
	}
}

// What is bad stands first, and in the headline.
func TestConcerns(t *testing.T) {
	s := newStand(t, cost.Budget{Name: "egress", LimitNanoUSD: cost.USD})
	late, held := int64(-7200), cost.USD/2
	need, eta := s.at.Add(time.Hour), s.at.Add(3*time.Hour)
	s.jobs.list = []dispatch.Status{
		{ID: "waits", State: dispatch.Held, Why: "held", Places: []dispatch.Place{{Destination: "aws", State: dispatch.Held, Budget: "egress", NeedsUSD: held}}},
		{ID: "slow", State: dispatch.Late, Why: "the link is full", NeedBy: &need, ETA: &eta, MarginSeconds: &late, Places: []dispatch.Place{{Destination: "aws", State: dispatch.Late}}},
	}
	if err := cost.SetPause(s.reader.Manifest.Dir(), "*", true, s.at); err != nil {
		t.Fatal(err)
	}
	body := s.get("/")
	if !strings.Contains(body, `<h1 class="verdict bad">1 job will be late</h1>`) {
		t.Errorf("the headline is not the worst:\n%s", body)
	}
	last := 0
	for _, want := range []string{"Job slow will be 2 h late", "Job waits waits for $0.50 of budget egress", "Every link is paused"} {
		i := strings.Index(body, want)
		if i < last {
			t.Errorf("%q at %d, after %d", want, i, last)
		}
		last = i
	}
	for _, want := range []string{`href="/actions/approve?budget=egress&amp;job=waits&amp;usd=0.5"`, `href="/actions/resume?link=%2A"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}

// What is done on a schedule is told, and a concern where it failed or found something.
func TestTimers(t *testing.T) {
	s := newStand(t)
	for _, timer := range []manifest.Timer{
		{Name: "gc", EveryMs: 86_400_000, Next: manifest.At(s.at.Add(time.Hour)), Last: manifest.At(s.at.Add(-23 * time.Hour)), Outcome: "done", Text: "2 leftovers removed"},
		{Name: "verify", EveryMs: 604_800_000, Next: manifest.At(s.at.Add(time.Minute)), Last: manifest.At(s.at.Add(-time.Hour)), Outcome: "failed", Text: "no credentials", Failed: 3},
	} {
		if err := s.reader.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutTimer(timer) }); err != nil {
			t.Fatal(err)
		}
	}
	if body := s.get("/"); !strings.Contains(body, "Scheduled verify failed 3 times in a row") || !strings.Contains(body, "No credentials") || strings.Contains(body, "Scheduled gc") {
		t.Errorf("the overview:\n%s", body)
	}
	for _, want := range []string{"2 leftovers removed", "every 7 d", "in 60 s"} {
		if body := s.get("/problems"); !strings.Contains(body, want) {
			t.Errorf("no %q in the schedule:\n%s", want, body)
		}
	}
}
