package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// modelLimit is what the origin's budget lets be read in all.
const modelLimit = 200 << 20

// grantsModel is an origin, edges, and copies of them, one step after the other, with clocks that differ by minutes.
type grantsModel struct {
	t      *testing.T
	now    time.Time
	dir    string // of all state directories and copies
	dirs   int
	origin *rig
	edges  []*modelEdge
	// read is what was read of shards, or may have been when a process died.
	read int64
	// restored: the origin knows less than was granted, and must find out.
	restored bool
	kept     map[string][]byte // of the exchange
	old      string            // state of the origin
}

type modelEdge struct {
	*rig
	s    *Syncer
	open []*cost.Ticket
	size []int64
	old  string
}

// start begins a process that asks, and does not wait for the answer.
func (e *modelEdge) start() {
	e.s = e.rig.open()
	e.s.Grants.wait, e.s.Grants.poll = 1, 1
	e.s.Ledger.AskThrough(nil)
}

// kill ends it with what is under way.
func (e *modelEdge) kill() {
	e.close()
	e.open, e.size = nil, nil
}

func newGrantsModel(t *testing.T) *grantsModel {
	m := &grantsModel{t: t, now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)}
	var err error
	if m.dir, err = os.MkdirTemp("/dev/shm", "grants-model-"); err != nil {
		m.dir = t.TempDir()
	}
	var edge *rig
	m.origin, edge = newGranted(t, cost.Budget{LimitBytes: modelLimit, Period: cost.Period{Kind: cost.Total}})
	m.origin.source = mem.New(mem.Options{Now: func() time.Time { return m.now }})
	m.origin.src.Store = m.origin.source
	edge.source, edge.src.Store = m.origin.source, m.origin.source
	m.origin.dir, m.origin.now = m.fresh(), m.clock(0)
	m.origin.open()
	for i, by := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		one := *edge
		one.dir, one.name, one.now = m.fresh(), fmt.Sprint("edge", i), m.clock(by)
		m.edges = append(m.edges, &modelEdge{rig: &one})
		m.edges[i].start()
	}
	return m
}

func (m *grantsModel) end() {
	for _, e := range m.edges {
		e.kill()
	}
	m.origin.close()
	_ = os.RemoveAll(m.dir)
}

func (m *grantsModel) clock(by time.Duration) func() time.Time {
	return func() time.Time { return m.now.Add(by) }
}

func (m *grantsModel) fresh() string {
	m.dirs++
	return filepath.Join(m.dir, fmt.Sprint(m.dirs))
}

// copyOf is a copy of a state directory.
func (m *grantsModel) copyOf(dir string) string {
	to := m.fresh()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		m.t.Fatal(err)
	}
	return to
}

// replace puts a copy in a state directory's place.
func (m *grantsModel) replace(dir, with string) {
	if err := errors.Join(os.RemoveAll(dir), os.Rename(m.copyOf(with), dir)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *grantsModel) any(rt *rapid.T) *modelEdge { return rapid.SampledFrom(m.edges).Draw(rt, "edge") }

func (m *grantsModel) bytes(rt *rapid.T) int64 {
	return rapid.SampledFrom([]int64{1, 20, 60, 100}).Draw(rt, "MiB") << 20
}

func (m *grantsModel) exchange() (list []string) {
	return append(m.origin.keys(".datagravity/v1/asks/"), m.origin.keys(".datagravity/v1/grants/")...)
}

func (m *grantsModel) pass(rt *rapid.T) {
	if _, err := m.origin.s.Grant(context.Background(), []Source{m.origin.src}); err != nil {
		rt.Fatal(err)
	}
}

func (m *grantsModel) ask(rt *rapid.T, e *modelEdge, n int64) {
	err := e.s.Grants.get(context.Background(), e.crossing(m.t, n), wanted{n, n, 10})
	if err != nil && !errors.Is(err, ErrNotGranted) && !errors.Is(err, cost.ErrBudget) {
		rt.Fatal(err)
	}
}

// reads what is granted, and leaves it under way.
func (m *grantsModel) reads(rt *rapid.T, e *modelEdge, n int64) {
	ticket, err := e.s.Ledger.Reserve([]cost.Crossing{e.crossing(m.t, n)}, nil)
	if errors.Is(err, cost.ErrNoGrant) {
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	m.read += n
	e.open, e.size = append(e.open, ticket), append(e.size, n)
}

func (m *grantsModel) steps() map[string]func(*rapid.T) {
	ctx := context.Background()
	return map[string]func(*rapid.T){
		"pass": m.pass,
		"ask":  func(rt *rapid.T) { m.ask(rt, m.any(rt), m.bytes(rt)) },
		"read": func(rt *rapid.T) { m.reads(rt, m.any(rt), m.bytes(rt)) },
		"be served": func(rt *rapid.T) {
			e, n := m.any(rt), m.bytes(rt)
			m.ask(rt, e, n)
			m.pass(rt)
			m.ask(rt, e, n)
			m.reads(rt, e, n)
		},
		"done": func(rt *rapid.T) {
			e := m.any(rt)
			for i, ticket := range e.open {
				if err := ticket.Settle([]cost.Moved{{Bytes: e.size[i]}}); err != nil {
					rt.Fatal(err)
				}
			}
			e.open, e.size = nil, nil
		},
		"settle": func(rt *rapid.T) {
			e := m.any(rt)
			if err := e.s.Grants.settleIdle(ctx, e.crossing(m.t, 1)); err != nil {
				rt.Fatal(err)
			}
		},
		"kill edge": func(rt *rapid.T) {
			e := m.any(rt)
			e.kill()
			e.start()
		},
		"keep edge": func(rt *rapid.T) {
			e := m.any(rt)
			e.kill()
			e.old = m.copyOf(e.dir)
			e.start()
		},
		"put edge back": func(rt *rapid.T) {
			e := m.any(rt)
			if e.old == "" {
				return
			}
			e.kill()
			m.replace(e.dir, e.old)
			e.start()
		},
		"copy edge": func(rt *rapid.T) {
			e := m.any(rt)
			if len(m.edges) > 3 {
				return
			}
			e.kill()
			one := *e.rig
			one.dir = m.copyOf(e.dir)
			other := &modelEdge{rig: &one}
			e.start()
			other.start()
			m.edges = append(m.edges, other)
		},
		"kill origin": func(*rapid.T) {
			m.origin.close()
			m.origin.open()
		},
		"keep origin": func(*rapid.T) {
			m.origin.close()
			m.old = m.copyOf(m.origin.dir)
			m.origin.open()
		},
		"put origin back": func(rt *rapid.T) {
			if m.old == "" {
				return
			}
			m.origin.close()
			m.replace(m.origin.dir, m.old)
			s := m.origin.open()
			m.restored = true
			for range rapid.IntRange(0, 3).Draw(rt, "numbers") { // it goes on with something else
				_, err := s.Ledger.Approve(cost.NewApproval{Job: "other", ExtraBytes: 1, Reason: "test", By: "me@here", Expires: m.now.Add(time.Hour)})
				if err != nil {
					rt.Fatal(err)
				}
			}
		},
		"wait": func(rt *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute)
		},
		"wait long": func(*rapid.T) { m.now = m.now.Add(13 * time.Hour) },
		"keep exchange": func(*rapid.T) {
			m.kept = map[string][]byte{}
			for _, k := range m.exchange() {
				m.kept[k] = readObject(m.t, m.origin.source, k)
			}
		},
		"put exchange back": func(*rapid.T) {
			for k, b := range m.kept {
				putObject(m.t, m.origin.source, k, b)
			}
		},
		"delete exchange": func(rt *rapid.T) {
			m.pass(rt) // its daemon looks every few seconds
			for _, k := range m.exchange() {
				if err := m.origin.source.Delete(ctx, store.Ref{Key: k}); err != nil {
					rt.Fatal(err)
				}
			}
		},
		"": func(rt *rapid.T) {
			uses, err := m.origin.s.Ledger.Uses()
			if err != nil {
				rt.Fatal(err)
			}
			counted := uses[0].SettledBytes + uses[0].ReservedBytes
			if m.read > modelLimit {
				rt.Fatalf("%d MiB were read, the budget is %d MiB", m.read>>20, modelLimit>>20)
			}
			if m.read > counted && !m.restored {
				rt.Fatalf("%d MiB were read, the budget counts %d bytes", m.read>>20, counted)
			}
		},
	}
}

// Whatever edges, origins and copies of them do, and in whatever order, no more is read than the budget counts, and never more than it has.
func TestGrantsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newGrantsModel(t)
		defer m.end()
		rt.Repeat(m.steps())
	})
}
