package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Everything that can be asked arrives as it was asked, and is answered as it was answered.
func TestJobsRoundTrip(t *testing.T) {
	at, margin := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), int64(-90)
	status := dispatch.Status{
		ID: "train/7", Dataset: "c4", State: dispatch.Held, Selection: []string{"train/**"}, NeedBy: &at, Added: at, ETA: &at, MarginSeconds: &margin, Why: "held",
		Places: []dispatch.Place{{Destination: "lab", State: dispatch.Held, MissingShards: 3, MissingBytes: 1 << 40, USD: 12_345_678_901, Budget: "aws", NeedsUSD: 1}},
	}
	k := &keeper{
		list:   []dispatch.Status{status},
		detail: dispatch.Detail{Status: status, Shards: []dispatch.ShardStatus{{Path: "a.tar", Destination: "lab", Bytes: 5, Why: "late"}}},
		ready:  dispatch.Readiness{ID: "train/7", State: dispatch.Late, Kind: "budget", Places: []dgsync.Readiness{{Dataset: "c4", Snapshot: chunker.Digest{1, 2}, Time: at}}},
		places: []dispatch.Placement{{Destination: "lab", Wanted: true, USD: 999_999_999}},
		hand:   dispatch.Handout{Job: "train/7", Snapshot: chunker.Digest{9}, Shards: []dispatch.HandoutShard{{Path: "b.tar", Bytes: 7, Index: true}}},
	}
	path, _ := serve(t, Options{Jobs: k})
	c, ctx := dial(t, path), context.Background()
	specs := []spec.Job{{ID: "train/7", Dataset: "c4", To: []string{"lab"}, NeedBy: spec.By(at), Keep: time.Hour, OnSourceChange: spec.Fail}}

	taken, err := c.Add(ctx, "jobs.yaml", specs)
	same(t, "add", taken, k.list, err)
	list, err := c.List(ctx)
	same(t, "list", list, k.list, err)
	detail, err := c.Show(ctx, "train/7", true)
	same(t, "show", detail, k.detail, err)
	ready, err := c.Ready(ctx, "train/7", 15*time.Minute)
	same(t, "ready", ready, k.ready, err)
	places, err := c.Place(ctx, "train/7")
	same(t, "place", places, k.places, err)
	hand, err := c.Handout(ctx, "train/7", "lab & more")
	same(t, "handout", hand, k.hand, err)
	if err := c.Remove(ctx, []string{"a", "b/c"}); err != nil {
		t.Error(err)
	}
	want := []any{
		[]any{"add", "jobs.yaml", specs}, []any{"list"}, []any{"show", "train/7", true}, []any{"ready", "train/7", 15 * time.Minute}, []any{"place", "train/7"},
		[]any{"handout", "train/7", "lab & more"}, []any{"remove", []string{"a", "b/c"}},
	}
	if d := cmp.Diff(want, k.asked); d != "" {
		t.Errorf("what arrived (-want +got):\n%s", d)
	}
}

func same(t *testing.T, what string, got, want any, err error) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, d)
	}
}

// A scheduler that asks for its own jobs is told of no others, on any page.
func TestJobsOfAnOrigin(t *testing.T) {
	k := &keeper{}
	var want []string
	for i := range 2*longestPage + 10 {
		st := dispatch.Status{ID: fmt.Sprint("job-", i), Origin: []string{"slurm", "a & b", ""}[i%3], Selection: []string{}, Places: []dispatch.Place{}}
		if k.list = append(k.list, st); st.Origin == "a & b" {
			want = append(want, st.ID)
		}
	}
	path, _ := serve(t, Options{Jobs: k})
	c := dial(t, path)
	list, err := c.ListOf(context.Background(), "a & b")
	var got []string
	for _, st := range list {
		got = append(got, st.ID)
	}
	same(t, "the list of an origin", got, want, err)
	everything, err := c.ListOf(context.Background(), "")
	same(t, "the list of no origin", len(everything), len(k.list), err)
	second := raw(t, path, "GET /v1/jobs?origin=a+%26+b&limit=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.Contains(second, "&origin=a+%26+b>") {
		t.Errorf("the next page would be of all jobs:\n%.400s", second)
	}
}

// An id is one segment of the path, whatever is in it.
func TestAnyIDArrives(t *testing.T) {
	k := &keeper{}
	path, _ := serve(t, Options{Jobs: k})
	c := dial(t, path)
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./%?#:@ a]{1,6}`)).Draw(t, "id")
		_, err := c.Show(context.Background(), id, false)
		if id == "" || id == "/" {
			if !errors.Is(err, dispatch.ErrNoJob) {
				t.Fatalf("%q: %v", id, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if got := k.asked[len(k.asked)-1].([]any)[1]; got != id {
			t.Fatalf("asked for %q, arrived %q", id, got)
		}
	})
}

// Whatever error a holder has, who asked has the same: for errors.Is, in its text, and with its exit code.
func TestProblemsKeepTheirErrors(t *testing.T) {
	for _, kind := range kinds {
		k := &keeper{err: fmt.Errorf("job 7: %w: 12 shards", kind.err)}
		path, _ := serve(t, Options{Jobs: k, ExitCode: func(err error) int {
			if errors.Is(err, kind.err) {
				return 99
			}
			return 1
		}})
		c := dial(t, path)
		_, shown := c.Show(context.Background(), "7", false)
		_, added := c.Add(context.Background(), "", nil)
		for what, err := range map[string]error{"show": shown, "add": added, "remove": c.Remove(context.Background(), []string{"7"})} {
			var remote *Error
			if !errors.As(err, &remote) || !errors.Is(err, kind.err) || err.Error() != k.err.Error() || remote.Code != 99 || remote.Status != kind.status ||
				remote.Type != problemURN+kind.name || remote.Title == "" {
				t.Errorf("%s, %s: %+v", kind.name, what, err)
			}
			for _, other := range kinds {
				if other.err != kind.err && errors.Is(err, other.err) != errors.Is(k.err, other.err) {
					t.Errorf("%s is also %s", kind.name, other.name)
				}
			}
		}
	}
}

// An error of several kinds stays of all of them; one of none has its text and code.
func TestProblemOfSeveral(t *testing.T) {
	both := &Error{Problem: problemOf(errors.Join(cost.ErrPaused, cost.ErrBudget), 3)}
	if !errors.Is(both, cost.ErrPaused) || !errors.Is(both, cost.ErrBudget) || both.Type != problemURN+"budget" {
		t.Errorf("%+v", both.Problem)
	}
	none := problemOf(errors.New("the disk is full"), 1)
	want := Problem{Type: "about:blank", Title: "Internal Server Error", Status: 500, Detail: "the disk is full", Code: 1}
	if d := cmp.Diff(want, none); d != "" {
		t.Error(d)
	}
}

// A wrong job does not keep the others from being taken.
func TestAddTellsBoth(t *testing.T) {
	k := &keeper{list: []dispatch.Status{{ID: "good"}}, err: fmt.Errorf("bad: %w", dispatch.ErrBlocked)}
	path, _ := serve(t, Options{Jobs: k})
	taken, err := dial(t, path).Add(context.Background(), "", nil)
	if len(taken) != 1 || taken[0].ID != "good" || !errors.Is(err, dispatch.ErrBlocked) {
		t.Errorf("%v, %v", taken, err)
	}
}

// Who adds jobs of many learns whose are wrong, without reading a text.
func TestAddTellsEach(t *testing.T) {
	k := &keeper{list: []dispatch.Status{{ID: "good"}}, err: errors.Join(
		&dispatch.RefusedError{ID: "b", Err: fmt.Errorf("%w: no dataset c5", dispatch.ErrSpec)},
		&dispatch.RefusedError{ID: "a", Err: fmt.Errorf("told so: %w", dispatch.ErrBlocked)},
		errors.New("the disk is full"),
	)}
	path, _ := serve(t, Options{Jobs: k})
	out, err := dial(t, path).AddEach(context.Background(), "", nil)
	if err != nil || len(out.Jobs) != 1 || out.Refused == nil || !strings.Contains(out.Refused.Detail, "the disk is full") || len(out.Refusals) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	a, b := out.Refusals[0], out.Refusals[1]
	if a.ID != "a" || a.Detail != "told so: "+dispatch.ErrBlocked.Error() || !errors.Is(&Error{Problem: a.Problem}, dispatch.ErrBlocked) || b.ID != "b" || !strings.Contains(b.Detail, "c5") {
		t.Errorf("%+v", out.Refusals)
	}
}

// A holder that keeps no jobs says so, and who does.
func TestWithoutJobs(t *testing.T) {
	path, _ := serve(t, Options{})
	_, err := dial(t, path).List(context.Background())
	if err == nil || !strings.Contains(err.Error(), "datagravity daemon does") {
		t.Error(err)
	}
}

// What is asked in the wrong way is refused with the reason, and nothing is done.
func TestWrongRequests(t *testing.T) {
	k := &keeper{}
	path, _ := serve(t, Options{Jobs: k})
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/v1/jobs", `{"jobs":[],"origine":"x"}`, 400, `unknown field \"origine\"`},
		{"POST", "/v1/jobs", `{"jobs":[]} {}`, 400, "more behind"},
		{"POST", "/v1/jobs", `{"jobs":`, 400, "unexpected EOF"},
		{"POST", "/v1/jobs", `{"origin":"` + strings.Repeat("x", maxBody) + `"}`, 413, "32 MiB"},
		{"DELETE", "/v1/jobs", "", 400, "name the jobs"},
		{"GET", "/v1/jobs/a?shards=yes", "", 400, "true or false"},
		{"GET", "/v1/jobs/a/ready?max_age=soon", "", 400, "for example 15m"},
		{"GET", "/v1/job", "", 404, "no such endpoint"},
		{"PUT", "/v1/jobs/a", "", 404, "no such endpoint: PUT"},
		{"POST", "/v1/command", `{"args":["need","list"]}`, 403, "does not answer this"},
	} {
		got := raw(t, path, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", c.method, c.path, len(c.body), c.body))
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || !strings.Contains(got, problemMedia) || !strings.Contains(got, c.says) {
			t.Errorf("%s %s: want %d and %q, got\n%s", c.method, c.path, c.status, c.says, got)
		}
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
	// One job by its path, as curl asks.
	got := raw(t, path, "DELETE /v1/jobs/a%2Fb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", http.StatusNoContent)) || k.count() != 1 {
		t.Errorf("%s %v", got, k.asked)
	}
}
