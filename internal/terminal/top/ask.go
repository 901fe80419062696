package top

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// answerTimeout is for a process that is stopped: its socket takes a connection, and nothing comes.
	answerTimeout = 30 * time.Second
	// drawEvery so often the speeds of the last half hour are asked for: as often as there is a new one.
	drawEvery = 5 * time.Second
	// restAfterAnswer is how many times as long as an answer took nobody asks again, mostRest at most.
	restAfterAnswer, mostRest = 10, 30 * time.Second
)

// answer is what came of a question.
type answer struct {
	source Source
	o      observe.Overview
	speeds []observe.Speeds // nil: not asked for
	err    error
	took   time.Duration
}

// askMsg: it is time to ask.
type askMsg struct{}

// ask whoever answers, or whoever answers now.
func (m *model) ask() tea.Cmd {
	source, began := m.source, m.o.Now()
	draw := began.Sub(m.drawnAt).Abs() >= drawEvery
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, answerTimeout)
		defer cancel()
		a := answer{source: source}
		if a.source == nil {
			if a.source, a.err = m.o.Dial(ctx); a.err != nil {
				return a
			}
		}
		a.o, a.err = a.source.Overview(ctx)
		if a.err == nil && draw {
			a.speeds, a.err = a.source.Speeds(ctx)
		}
		a.took = m.o.Now().Sub(began)
		return a
	}
}

// answered takes an answer in, and asks again after a while.
func (m *model) answered(a answer) tea.Cmd {
	if a.err != nil {
		m.source, m.lost = nil, a.err
	} else {
		m.source, m.lost = a.source, nil
		if a.speeds != nil {
			m.speeds, m.drawnAt = a.speeds, m.o.Now()
		}
		m.take(a.o)
	}
	if m.o.Now().Sub(m.noted).Abs() >= noteStands {
		m.note = ""
	}
	wait := min(max(m.o.Every, restAfterAnswer*a.took), max(mostRest, m.o.Every))
	return tea.Tick(wait, func(time.Time) tea.Msg { return askMsg{} })
}

// shownMsg has the rest of a detail.
type shownMsg struct {
	of     *detail
	fields []overview.Field
	err    error
}

// mostShards of a job are asked for: an answer about a million would be hundreds of megabytes.
const mostShards = 20_000

// show asks for what an overview does not have: a job's missing shards, a budget's days.
func (m *model) show(d *detail) tea.Cmd {
	source, o, i := m.source, m.last, d.item
	if source == nil {
		return nil
	}
	var ask func(ctx context.Context) ([]overview.Field, error)
	switch d.list {
	case "jobs":
		j := o.Jobs[i.Index]
		if j.State == dispatch.Ready || j.ShardCount*len(j.Places) > mostShards {
			return nil
		}
		ask = func(ctx context.Context) ([]overview.Field, error) {
			full, err := source.Show(ctx, j.ID, true)
			return overview.JobFields(o, full), err
		}
	case "budgets":
		ask = func(ctx context.Context) ([]overview.Field, error) {
			full, err := source.Budget(ctx, o.Budgets[i.Index].Name)
			return overview.BudgetFields(o, full), err
		}
	default:
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, answerTimeout)
		defer cancel()
		fields, err := ask(ctx)
		return shownMsg{d, fields, err}
	}
}

func (m *model) shown(s shownMsg) {
	if m.detail != s.of { // it was left meanwhile
		return
	}
	m.detail.waiting = false
	if s.err != nil {
		m.detail.err = s.err
		return
	}
	m.detail.fields = s.fields
}

// doneMsg is what came of an action.
type doneMsg struct {
	text string
	err  error
}
