package cost

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// decision begins the journal's entry of something that was decided, under an id of its own.
func (l *Ledger) decision(tx *manifest.Tx, kind string) (e manifest.Entry, err error) {
	e.Kind = kind
	if e.At, err = tx.PassTime(manifest.At(l.m.Now())); err != nil {
		return e, err
	}
	e.Line.Month = WindowOf(e.At.Time())
	e.ID, err = tx.NextReservation()
	return e, err
}

// decisionID names a decision whatever becomes of the manifest: the journal's ids begin anew with each.
func decisionID(tx *manifest.Tx, id uint64) (string, error) {
	account, err := tx.ID()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.6s-%d", account, id), nil
}

// replayDecision takes over what was decided before the manifest was lost. It tells whether the entry is one of a decision.
func replayDecision(tx *manifest.Tx, e manifest.Entry) (bool, error) {
	switch {
	case e.Approval != nil:
		a := *e.Approval
		old, _, err := tx.Approval(a.ID)
		if err != nil {
			return true, err
		}
		a.Given = old.Given
		return true, tx.PutApproval(a)
	case e.Doubt != nil:
		return true, tx.PutDoubt(*e.Doubt)
	case e.Reset != nil:
		return true, tx.PutReset(*e.Reset)
	}
	return false, nil
}

// splitWindow gives the budget and the window that [manifest.WindowID] joined.
func splitWindow(id string) (budget, window string) {
	budget, window, _ = strings.Cut(id, "\x00")
	return budget, window
}

func sortByTime[T any](list []T, at func(T) manifest.Millis) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(at(a), at(b)) })
}
