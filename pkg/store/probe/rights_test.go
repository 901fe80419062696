package probe_test

import (
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

func holding(t *testing.T, keys ...string) *mem.Store {
	t.Helper()
	m := mem.New(mem.Options{Provider: "aws"})
	for _, k := range keys {
		data := []byte("x")
		if strings.HasSuffix(k, "/") {
			data = nil
		}
		if _, err := m.Put(t.Context(), k, data, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func count(t *testing.T, m *mem.Store) int {
	t.Helper()
	page, err := m.List(t.Context(), store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Objects)
}

func TestAllRights(t *testing.T) {
	m := holding(t, "d/", "d/1")
	r := probe.Rights(t.Context(), m, "d/", true)
	for name, p := range map[string]probe.Result{"list": r.List, "read": r.Read, "write": r.Write, "delete": r.Delete} {
		if !p.OK() || p.Hint != "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if r.Err() != nil || count(t, m) != 2 {
		t.Errorf("%v, %d objects", r.Err(), count(t, m))
	}
}

func TestSourceIsNeverWritten(t *testing.T) {
	m := holding(t, "d/1")
	r := probe.Rights(t.Context(), m, "d/", false)
	if !r.List.OK() || !r.Read.OK() || r.Write.Tried || r.Delete.Tried || r.Err() != nil {
		t.Errorf("%+v", r)
	}
	if n := m.Stats()["put"].Requests; n != 1 {
		t.Errorf("%d puts, want the test's own alone", n)
	}
}

func TestNothingToRead(t *testing.T) {
	m := holding(t, "d/")
	if r := probe.Rights(t.Context(), m, "d/", false); r.Read.Tried || r.Read.Hint == "" || r.Err() != nil {
		t.Errorf("source: %+v", r)
	}
	// A destination reads what it wrote itself.
	if r := probe.Rights(t.Context(), m, "d/", true); !r.Read.OK() || !r.Delete.OK() {
		t.Errorf("destination: %+v", r)
	}
}

func TestMissingRights(t *testing.T) {
	for op, c := range map[string]struct {
		of   func(probe.Report) probe.Result
		hint string
	}{
		"list":   {func(r probe.Report) probe.Result { return r.List }, "s3:ListBucket"},
		"read":   {func(r probe.Report) probe.Result { return r.Read }, "s3:GetObject"},
		"put":    {func(r probe.Report) probe.Result { return r.Write }, "s3:PutObject"},
		"delete": {func(r probe.Report) probe.Result { return r.Delete }, "is left behind"},
	} {
		m := holding(t, "d/1")
		f := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: op, Err: store.ErrPermission}}})
		r := probe.Rights(t.Context(), f, "d/", true)
		got := c.of(r)
		if got.OK() || store.KindOf(got.Err) != store.ErrPermission || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%s: %+v", op, got)
		}
		if r.Err() == nil || strings.Count(r.Err().Error(), "\n") != 0 {
			t.Errorf("%s: want one failure, got %v", op, r.Err())
		}
		f.VerifyAllHit(t)
	}
}

func TestHintsFitTheFailure(t *testing.T) {
	for kind, hint := range map[error]string{
		store.ErrAuth: "renew", store.ErrNotFound: "check the name", store.ErrTransient: "network", store.ErrPermanent: "not a missing right",
	} {
		f := fault.Wrap(holding(t), fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "list", Err: kind}}})
		if r := probe.Rights(t.Context(), f, "", false); !strings.Contains(r.List.Hint, hint) {
			t.Errorf("%v: %q", kind, r.List.Hint)
		}
	}
}

func TestReadBackOfOtherBytes(t *testing.T) {
	f := fault.Wrap(holding(t), fault.Plan{Rules: []fault.Rule{{Kind: fault.CorruptRead}}})
	if r := probe.Rights(t.Context(), f, "", true); store.KindOf(r.Read.Err) != store.ErrIntegrity {
		t.Errorf("%+v", r.Read)
	}
}
