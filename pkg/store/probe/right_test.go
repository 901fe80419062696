package probe_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

// What exchange.EdgeRights and exchange.OriginRights are with a dataset; this package knows nothing of what they are for.
func edge() []probe.Right {
	const v1 = ".datagravity/v1/"
	return []probe.Right{
		{Prefix: "c4/", Read: true},
		{Prefix: v1 + "datasets/c4/", Read: true},
		{Prefix: v1 + "agents/", List: true, Read: true},
		{Prefix: v1 + "grants/iowa/", Read: true},
		{Prefix: v1 + "asks/iowa/", Read: true, Write: true, Trial: "0123456789abcdef0123456789abcdef.settled.json"},
		{Prefix: v1 + "answers/iowa/", Read: true, Delete: true, Optional: true},
		{Prefix: v1 + "packs/iowa/", List: true, Read: true, Delete: true, Optional: true},
		{Prefix: v1 + "wants/iowa/", Read: true, Write: true, Delete: true, Optional: true, Trial: "0123456789abcdef0123456789abcdef.dgw"},
	}
}

func origin() []probe.Right {
	return []probe.Right{{Prefix: "c4/", List: true, Read: true}, {Prefix: ".datagravity/v1/", List: true, Read: true, Write: true, Delete: true}}
}

// told is what trials say, a line each.
func told(trials []probe.Trial) (out []string) {
	for _, t := range trials {
		state := "untried"
		if t.Tried {
			state = "ok"
		}
		if t.Err != nil {
			state = store.KindOf(t.Err).Error()
		}
		out = append(out, t.Right+" "+strings.TrimPrefix(t.Prefix, ".datagravity/v1/")+": "+state)
	}
	return out
}

func TestEdgeTriesWithoutWriting(t *testing.T) {
	m := holding(t, "c4/1", ".datagravity/v1/agents/azure.json")
	puts := m.Stats()["put"].Requests
	want := []string{
		"list agents/: ok", "list packs/iowa/: ok",
		"read c4/: ok", "read datasets/c4/: ok", "read agents/: ok", "read grants/iowa/: ok", "read asks/iowa/: ok", "read answers/iowa/: ok", "read packs/iowa/: ok",
		"read wants/iowa/: ok", "write asks/iowa/: untried", "write wants/iowa/: untried",
	}
	if d := cmp.Diff(want, told(probe.Try(t.Context(), m, edge(), false))); d != "" {
		t.Error(d)
	}
	if n := m.Stats()["put"].Requests - puts; n != 0 {
		t.Errorf("%d writes that nobody asked for", n)
	}
	want[10], want[11] = "write asks/iowa/: ok", "write wants/iowa/: ok"
	if d := cmp.Diff(want, told(probe.Try(t.Context(), m, edge(), true))); d != "" {
		t.Error(d)
	}
	if n := m.Stats()["put"].Requests - puts; n != 2 || count(t, m) != 2 || m.Stats()["delete"].Requests != 0 {
		t.Errorf("%d writes, %d deletes, %d objects; want 2, none, and those that were there", n, m.Stats()["delete"].Requests, count(t, m))
	}
}

func TestOriginWritesBelowV1(t *testing.T) {
	m := holding(t, "c4/1")
	want := []string{"list c4/: ok", "list : ok", "read c4/: ok", "read : ok", "write : ok", "delete : ok"}
	if d := cmp.Diff(want, told(probe.Try(t.Context(), m, origin(), true))); d != "" {
		t.Error(d)
	}
	if count(t, m) != 1 {
		t.Error("something is left")
	}
	f := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "put", Err: store.ErrPermission}}})
	if d := cmp.Diff(append(want[:4:4], "write : "+store.ErrPermission.Error()), told(probe.Try(t.Context(), f, origin(), true))); d != "" {
		t.Error(d)
	}
	f = fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "delete", Err: store.ErrPermission}}})
	trials := probe.Try(t.Context(), f, origin(), true)
	if last := trials[len(trials)-1]; !strings.Contains(last.Hint, ".datagravity/v1/probe/") || !strings.Contains(last.Hint, "is left behind") {
		t.Errorf("%+v", last)
	}
}

// An object that may not be listed is asked for, and so is one that does not exist: forbidden is another answer than absent.
func TestReadIsTriedWithoutAListing(t *testing.T) {
	m := holding(t, "c4/1")
	f := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "list", Err: store.ErrPermission}}})
	rights := []probe.Right{{Prefix: "c4/", Read: true}}
	if d := cmp.Diff([]string{"read c4/: ok"}, told(probe.Try(t.Context(), f, rights, false))); d != "" {
		t.Error(d)
	}
	f = fault.Wrap(m, fault.Plan{Rules: []fault.Rule{
		{Kind: fault.Before, Op: "list", Err: store.ErrPermission}, {Kind: fault.Before, Op: "head", Err: store.ErrPermission},
	}})
	trials := probe.Try(t.Context(), f, rights, false)
	if store.KindOf(trials[0].Err) != store.ErrPermission || !strings.Contains(trials[0].Hint, "s3:ListBucket without a condition") {
		t.Errorf("%+v", trials)
	}
}

// A store that does not look at conditions has written what it should not have.
func TestConditionIsIgnored(t *testing.T) {
	m := mem.New(mem.Options{})
	trials := probe.Try(t.Context(), careless{m}, edge(), true)
	for _, trial := range trials {
		if trial.Right == "write" && store.KindOf(trial.Err) != store.ErrUnsupported {
			t.Errorf("%+v", trial)
		}
	}
	if count(t, m) != 0 {
		t.Error("something is left")
	}
}

// Whoever may write in a directory may delete there; and it compares before it writes, so that a write in vain would prove nothing.
func TestDirectoryIsWritten(t *testing.T) {
	dir := t.TempDir()
	s, err := open.Open(t.Context(), (&url.URL{Scheme: "file", Path: dir}).String(), open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var done []string
	for _, line := range told(probe.Try(t.Context(), s, edge(), true)) {
		if strings.HasPrefix(line, "write") || strings.HasPrefix(line, "delete") {
			done = append(done, line)
		}
	}
	if d := cmp.Diff([]string{"write asks/iowa/: ok", "write wants/iowa/: ok", "delete asks/iowa/: ok", "delete wants/iowa/: ok"}, done); d != "" {
		t.Error(d)
	}
	page, err := s.List(t.Context(), store.ListOptions{Prefix: ".datagravity/v1/"})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("%v, %v are left", err, page.Objects)
	}
}
