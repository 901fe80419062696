package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// errProbed ends a transaction that only wanted the lock.
var errProbed = errors.New("the lock can be had")

// probe takes the locks of the manifest, to read and to write. Nothing is written.
func (s *service) probe() error {
	err := s.m.View(func(*manifest.Tx) error { return nil })
	if err == nil {
		err = s.m.Update(func(*manifest.Tx) error { return errProbed })
	}
	if errors.Is(err, errProbed) {
		return nil
	}
	return err
}

// tellStatus tells the service manager what the daemon does, whenever that changes, until ctx ends.
func (s *service) tellStatus(ctx context.Context) {
	changed, stop := s.recorder.Listen()
	defer stop()
	for {
		s.notifier.Status(s.statusText())
		// Its events come by the thousand.
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// statusText says in a line what moves, or what is waited for, and which budget is nearest its end.
func (s *service) statusText() string {
	s.mu.Lock()
	doing, ending := s.doing, s.ending
	s.mu.Unlock()
	moves := s.latest().keeper.UnderWay()
	text := doing
	switch step := nextStep(s.latest().cfg); {
	case len(moves) > 0:
		text = movesText(moves, s.recorder.Links())
	case step != "":
		text = step
	}
	if ending != "" {
		text = ending
		if n := len(moves); n > 0 {
			text += fmt.Sprintf(" (%s)", movesText(moves, s.recorder.Links()))
		}
	}
	if uses, err := s.latest().ledger.Uses(); err == nil {
		text += budgetText(uses)
	}
	return text
}

// movesText is of the first move, and how many others there are.
func movesText(moves []dispatch.Move, links []observe.Link) string {
	m := moves[0]
	text := fmt.Sprintf("looking what job %s lacks at %s", m.Job, m.Destination)
	for _, l := range links { // by destination, so that what is read for the index alone comes first, and counts where nothing else moves
		if l.Source == m.Source && (l.Destination == m.Destination || l.Destination == "") && l.DoneShards < l.Shards && !l.Last.Before(m.Began) {
			text = fmt.Sprintf("%d of %d shards for job %s", l.DoneShards, l.Shards, m.Job)
		}
	}
	switch n := len(moves) - 1; n {
	case 0:
	case 1:
		text += " and 1 more job"
	default:
		text += fmt.Sprintf(" and %d more jobs", n)
	}
	return text
}

// budgetText is of the budget of which the largest share is spent and reserved.
func budgetText(uses []cost.Use) string {
	if len(uses) == 0 {
		return ""
	}
	most := uses[0]
	for _, u := range uses[1:] {
		if u.Share() > most.Share() {
			most = u
		}
	}
	var parts []string
	if limit := most.Budget.LimitNanoUSD; limit > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", cost.AddNanoUSD(most.Settled, most.Reserved), strings.TrimSuffix(limit.String(), ".00")))
	}
	if limit := most.Budget.LimitBytes; limit > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", size(most.SettledBytes+most.ReservedBytes), size(limit)))
	}
	text := ", " + strings.Join(parts, ", ")
	if len(uses) > 1 {
		text += " (" + most.Budget.Name + ")"
	}
	return text
}
