package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// stand is a dashboard over a manifest, with jobs that a test makes up: of those it asks for lists alone.
type stand struct {
	t      *testing.T
	at     time.Time
	jobs   stated
	reader *observe.Reader
	ledger *cost.Ledger
	o      Options
}

// stated are jobs as a test says they stand.
type stated struct {
	dispatch.Jobs
	list   []dispatch.Status
	shards []dispatch.ShardStatus
	err    error
}

func (s *stated) List(context.Context) ([]dispatch.Status, error) { return s.list, s.err }

func (s *stated) Show(_ context.Context, id string, _ bool) (d dispatch.Detail, err error) {
	for _, j := range s.list {
		if j.ID == id {
			return dispatch.Detail{Status: j, Shards: slices.Clone(s.shards)}, s.err
		}
	}
	return d, dispatch.ErrNoJob
}

func newStand(t *testing.T, budgets ...cost.Budget) *stand {
	t.Helper()
	s := &stand{t: t, at: time.Date(2026, 11, 26, 14, 3, 0, 0, time.UTC)}
	now := func() time.Time { return s.at }
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: budgets})
	if err != nil {
		t.Fatal(err)
	}
	s.reader = &observe.Reader{
		Agent: observe.Agent{Name: "a", Command: "daemon", Since: s.at}, Manifest: m, Ledger: l, Jobs: &s.jobs, Recorder: observe.NewRecorder(now), Problems: observe.NewProblems(now),
		Datasets: func() []observe.Dataset { return nil }, Places: func() []observe.Place { return nil },
	}
	s.ledger = l
	s.o = Options{Reader: s.reader, Actions: hands(s.reader, l)}
	return s
}

// hands do what the dashboard asks for, as the daemon's do.
func hands(r *observe.Reader, l *cost.Ledger) Actions {
	return &operate.Local{Sync: &dgsync.Syncer{Manifest: r.Manifest, Ledger: l}, Catalog: configured{r: r}, Changed: r.Recorder.Changed}
}

// configured is what the reader says that is configured.
type configured struct {
	operate.Catalog // nobody asks for the rest from here
	r               *observe.Reader
}

func (c configured) Budgets() (names []string) {
	list, err := c.r.Ledger.Reports()
	if err != nil {
		panic(err)
	}
	for _, b := range list {
		names = append(names, b.Budget.Name)
	}
	return names
}

func (c configured) Links() (names []string) {
	for _, d := range c.r.Datasets() {
		for _, p := range c.r.Places() {
			names = append(names, cost.Link{Source: d.Store, Dest: p.Name}.Name())
		}
	}
	return names
}

func (s *stand) ask(r *http.Request) *httptest.ResponseRecorder {
	s.t.Helper()
	w := httptest.NewRecorder()
	New(s.o).ServeHTTP(w, r)
	return w
}

// get a page, which must be there.
func (s *stand) get(path string) string {
	s.t.Helper()
	w := s.ask(httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

var everyPage = []string{"/", "/jobs", "/data", "/transfers", "/budgets", "/spend", "/spend?month=all&by=day", "/problems"}

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

// What a visitor may not do is not shown to them, and not done for them.
func TestScopes(t *testing.T) {
	s := newStand(t, cost.Budget{Name: "egress", LimitNanoUSD: cost.USD, Ask: true})
	s.reader.Datasets = func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake"}} }
	s.reader.Places = func() []observe.Place {
		return []observe.Place{{Dataset: "c4", Destination: plan.Destination{Name: "aws", Store: "bucket"}}}
	}
	pause, approve := "/actions/pause?link=lake-%3Eaws", "/actions/approve?budget=egress"
	for name, c := range map[string]struct {
		visitor        *Visitor
		pause, approve bool
	}{
		"all":      {nil, true, true},
		"jobs":     {&Visitor{Name: "j", Pause: true}, true, false},
		"budget":   {&Visitor{Name: "b", Approve: true}, false, true},
		"read":     {&Visitor{Name: "r"}, false, false},
		"no hands": {nil, false, false},
	} {
		o := s.o
		if s.o.Visitor = nil; c.visitor != nil {
			s.o.Visitor = func(*http.Request) Visitor { return *c.visitor }
		}
		if name == "no hands" {
			s.o.Actions = nil
		}
		if got := strings.Contains(s.get("/transfers"), "/actions/pause"); got != c.pause {
			t.Errorf("%s: a pause is offered: %t", name, got)
		}
		if got := strings.Contains(s.get("/budgets/egress"), "/actions/approve"); got != c.approve {
			t.Errorf("%s: an approval is offered: %t", name, got)
		}
		for path, may := range map[string]bool{pause: c.pause, approve: c.approve} {
			if w := s.ask(httptest.NewRequest(http.MethodGet, path, nil)); (w.Code == 200) != may || !may && w.Code != 403 {
				t.Errorf("%s: %s: %d", name, path, w.Code)
			}
			if may {
				continue
			}
			form := url.Values{"link": {"lake->aws"}, "budget": {"egress"}, "usd": {"1"}, "reason": {"x"}, "expires": {"24h"}}
			if w := s.post(strings.Split(path, "?")[0], form); w.Code != 403 {
				t.Errorf("%s: POST %s: %d", name, path, w.Code)
			}
		}
		s.o = o
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Errorf("paused: %v, %v", list, err)
	}
}

func (s *stand) post(path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.ask(r)
}

// A form of another site changes nothing; one that is wrong says what is wrong with it; a large one is not read.
func TestForms(t *testing.T) {
	s := newStand(t, cost.Budget{Name: "egress", LimitNanoUSD: cost.USD})
	s.reader.Datasets = func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake"}} }
	s.reader.Places = func() []observe.Place {
		return []observe.Place{{Dataset: "c4", Destination: plan.Destination{Name: "aws", Store: "bucket"}}}
	}
	link := url.Values{"link": {"lake->aws"}}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if w := s.post("/actions/pause", link, headers...); w.Code != http.StatusForbidden {
			t.Errorf("%v: %d", headers, w.Code)
		}
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Fatalf("another site paused %v, %v", list, err)
	}
	// A link that somebody configured away while the page was open.
	s.reader.Recorder.Observe(engine.Event{Kind: engine.RunStarted, Dataset: "c4", Source: "lake", Destination: "gone", Bytes: 10, Shards: 1})
	if w := s.post("/actions/pause", url.Values{"link": {"lake->gone"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "no link") {
		t.Errorf("a link that is gone: %d\n%s", w.Code, w.Body)
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Fatalf("a link that is gone was paused: %v, %v", list, err)
	}
	if w := s.post("/actions/pause", link); w.Code != http.StatusSeeOther {
		t.Errorf("a pause: %d\n%s", w.Code, w.Body)
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) != 1 || list[0].Link != "lake->aws" {
		t.Errorf("paused: %v, %v", list, err)
	}
	good := url.Values{"budget": {"egress"}, "usd": {"$1.50"}, "bytes": {"2GiB"}, "reason": {"the demo"}, "expires": {"24h"}}
	for field, bad := range map[string]string{"usd": "much", "bytes": "3 parsecs", "expires": "1000000h", "reason": " "} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(field, bad)
		if w := s.post("/actions/approve", form); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "cannot be answered") {
			t.Errorf("%s %q: %d\n%s", field, bad, w.Code, w.Body)
		}
	}
	if w := s.post("/actions/approve", url.Values{"reason": {strings.Repeat("x", 1<<20)}}); w.Code != http.StatusBadRequest {
		t.Errorf("1 MiB: %d", w.Code)
	}
	if all, err := s.ledger.Approvals(); err != nil || len(all) > 0 {
		t.Fatalf("approved: %v, %v", all, err)
	}
	if w := s.post("/actions/approve", good, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/budgets/egress?said=approved" {
		t.Errorf("%d %s\n%s", w.Code, w.Header().Get("Location"), w.Body)
	}
	all, err := s.ledger.Approvals()
	if err != nil || len(all) != 1 || all[0].ExtraNanoUSD != int64(cost.USD*3/2) || all[0].ExtraBytes != 2<<30 || all[0].Reason != "the demo" || all[0].By != "dashboard" {
		t.Errorf("approved: %+v, %v", all, err)
	}
}

// Over a socket, to which a port may be forwarded, a browser gets pages as this machine alone: a name of somebody else's that leads there gets nothing.
func TestSocketNames(t *testing.T) {
	s := newStand(t)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:1": 200, "[::1]:80": 200, "::1": 200, "evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if w := s.ask(r); w.Code != 200 {
			t.Errorf("over TCP as %q: %d", host, w.Code)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/x", Net: "unix"})))
		if w := s.ask(r); w.Code != want {
			t.Errorf("over a socket as %q: %d, want %d", host, w.Code, want)
		}
	}
}

// Each answer binds the browser to what this host serves; nothing is inline; files are named by their content and kept.
func TestAnswers(t *testing.T) {
	s := newStand(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip;q=0")
	w := s.ask(r)
	h := w.Header()
	if got := h.Get("Content-Security-Policy"); got != policy || strings.Contains(got, "unsafe") || !strings.HasPrefix(got, "default-src 'none'") {
		t.Errorf("policy %q", got)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || len(w.Result().Cookies()) > 0 || h.Get("Content-Encoding") != "" {
		t.Errorf("%v", h)
	}
	body := w.Body.String()
	for _, inline := range []string{" style=", "<style", " onclick", "javascript:", "http://", "https://", "//cdn"} {
		if strings.Contains(body, inline) {
			t.Errorf("the page has %q in it", inline)
		}
	}
	named := regexp.MustCompile(`/assets/[a-zA-Z0-9.-]+`).FindAllString(body, -1)
	if len(named) < 4 {
		t.Fatalf("assets %v", named)
	}
	css := s.ask(httptest.NewRequest(http.MethodGet, named[slices.IndexFunc(named, func(s string) bool { return strings.HasSuffix(s, ".css") })], nil)).Body.String()
	named = append(named, regexp.MustCompile(`/assets/[a-zA-Z0-9.-]+`).FindAllString(css, -1)...)
	if licenses := s.ask(httptest.NewRequest(http.MethodGet, named[slices.IndexFunc(named, func(s string) bool { return strings.HasSuffix(s, ".txt") })], nil)).Body.String(); !strings.Contains(licenses, "Leon Sorokin") || !strings.Contains(licenses, "SIL OPEN FONT LICENSE") || !strings.Contains(licenses, "Zero-Clause BSD") {
		t.Errorf("licences:\n%s", licenses)
	}
	for _, path := range named {
		for _, gzip := range []string{"", "gzip, br"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Accept-Encoding", gzip)
			w := s.ask(r)
			if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
				t.Fatalf("%s: %d %v", path, w.Code, w.Header())
			}
			if packed := w.Header().Get("Content-Encoding") == "gzip"; packed != (gzip != "" && !strings.HasSuffix(path, ".woff2")) {
				t.Errorf("%s: packed %t for %q", path, packed, gzip)
			}
			r.Header.Set("If-None-Match", w.Header().Get("Etag"))
			if w := s.ask(r); w.Code != http.StatusNotModified {
				t.Errorf("%s again: %d", path, w.Code)
			}
		}
	}
}

// The page for a token goes back to where somebody wanted to go, on this host.
func TestLogin(t *testing.T) {
	w := httptest.NewRecorder()
	Login(w, httptest.NewRequest(http.MethodGet, "/jobs?state=late", nil), "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `name="next" value="/jobs?state=late"`) || !strings.Contains(w.Body.String(), `name="token"`) || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	Login(w, httptest.NewRequest(http.MethodPost, "/login?next=%2F%2Fevil.example", nil), "no such token: <b>")
	if w.Code != 401 || !strings.Contains(w.Body.String(), "no such token: &lt;b&gt;") || !strings.Contains(w.Body.String(), `name="next" value="/"`) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	for _, bad := range []string{"", "jobs", "//evil.example", `/\evil.example`, "https://evil.example", "/a\nb", "/\t/evil.example", "/" + strings.Repeat("x", 3000)} {
		if got := Next(bad); got != "/" {
			t.Errorf("next %.30q is %q", bad, got)
		}
	}
}
