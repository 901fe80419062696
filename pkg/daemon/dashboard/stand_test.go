package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
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
