package cost

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrDecision: an approval or a reset that cannot be made as it was asked for.
var ErrDecision = errors.New("not recorded")

// to is what it gave to a window, of one that slides what it gave in the hours that the window still has: what it gave before went
// out of it with what was spent for it.
func (a *approval) to(s *standing) (usd NanoUSD, bytes int64) {
	for _, g := range a.Given {
		id, hour, _ := strings.Cut(g.Window, givenAt)
		if id == s.id && (s.Budget.Period.Kind != Rolling || hour >= s.From.UTC().Format(hourName)) {
			usd, bytes = AddNanoUSD(usd, NanoUSD(g.NanoUSD)), saturating.Add(bytes, g.Bytes)
		}
	}
	return usd, bytes
}

// givenAt stands between a window that slides and the hour in which an approval gave it something.
const givenAt = "@"

// drawn names the window, and of one that slides the hour, that a draw at a time of the ledger is for.
func (s *standing) drawn(now manifest.Millis) string {
	if s.Budget.Period.Kind != Rolling {
		return s.id
	}
	return s.id + givenAt + now.Time().UTC().Format(hourName)
}

// left is what a budget can still be given. An approval for a job holds for each budget that counts the job.
func (a *approval) left(budget string) (usd NanoUSD, bytes int64) {
	usd, bytes = NanoUSD(a.ExtraNanoUSD), a.ExtraBytes
	for _, g := range a.Given {
		if name, _ := splitWindow(g.Window); name == budget {
			usd, bytes = usd-NanoUSD(g.NanoUSD), bytes-g.Bytes
		}
	}
	return max(0, usd), max(0, bytes)
}

// lets tells whether it is for a budget, as something that it counts.
func (a *approval) lets(budget string, of Subject) bool {
	return a.Budget == budget || a.Job != "" && a.Job == of.Job
}

func liveApprovals(tx *manifest.Tx, now manifest.Millis) (list []*approval, err error) {
	err = tx.Approvals(func(a manifest.Approval) (bool, error) {
		if a.Live(now) {
			list = append(list, &approval{Approval: a})
		}
		return true, nil
	})
	return list, err
}

// beyond is by how much a window with the amount passes its limit and what was given to it. In doubt it is all of the amount.
func (u Use) beyond(amount NanoUSD, bytes int64) (usd NanoUSD, more int64) {
	if u.Doubt != "" {
		return u.missing(amount, bytes)
	}
	if u.Budget.LimitNanoUSD > 0 && amount > 0 {
		usd = max(0, AddNanoUSD(u.Settled, u.Reserved, amount)-AddNanoUSD(u.Budget.LimitNanoUSD, u.ExtraNanoUSD))
	}
	if u.Budget.LimitBytes > 0 && bytes > 0 {
		more = max(0, saturating.Add(saturating.Add(u.SettledBytes, u.ReservedBytes), bytes)-saturating.Add(u.Budget.LimitBytes, u.ExtraBytes))
	}
	return usd, more
}

// draw records what approvals gave to a reservation that the journal tells of.
func draw(tx *manifest.Tx, list []manifest.Draw) error {
	for _, d := range list {
		a, ok, err := tx.Approval(d.Approval)
		if err != nil {
			return err
		}
		if !ok {
			continue // replayed without it: the journal has lost its line
		}
		a.Given = give(a.Given, d)
		if err := tx.PutApproval(a); err != nil {
			return err
		}
	}
	return nil
}

// give adds a draw to those of the same window.
func give(given []manifest.Draw, d manifest.Draw) []manifest.Draw {
	given = append([]manifest.Draw(nil), given...)
	for i := range given {
		if g := &given[i]; g.Window == d.Window {
			g.NanoUSD, g.Bytes = saturating.Add(g.NanoUSD, d.NanoUSD), saturating.Add(g.Bytes, d.Bytes)
			return given
		}
	}
	d.Approval = ""
	return append(given, d)
}

// NewApproval is what an approval is asked for with: for one budget or for one job.
type NewApproval struct {
	Budget, Job  string
	ExtraNanoUSD NanoUSD
	ExtraBytes   int64
	Reason, By   string
	Expires      time.Time
}

// Approve lets more be spent than the limits, once, until it expires. It is durable in manifest and journal when it returns. Error:
// [ErrDecision].
func (l *Ledger) Approve(n NewApproval) (a manifest.Approval, err error) {
	now := l.m.Now()
	_, known := l.byName[n.Budget]
	switch {
	case (n.Budget == "") == (n.Job == ""):
		err = errors.New("an approval is for one budget or for one job")
	case n.Budget != "" && !known:
		err = fmt.Errorf("there is no budget %q", n.Budget)
	case strings.Contains(n.Job, "\x00"):
		err = fmt.Errorf("%q names no job", n.Job)
	case n.ExtraNanoUSD < 0 || n.ExtraBytes < 0 || n.ExtraNanoUSD == 0 && n.ExtraBytes == 0:
		err = errors.New("what is approved must be more than 0")
	case strings.TrimSpace(n.Reason) == "" || n.By == "":
		err = errors.New("an approval needs a reason, and somebody who gives it")
	case !n.Expires.After(now):
		err = fmt.Errorf("it would have expired at %s; it is %s", n.Expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrDecision, err)
	}
	var e manifest.Entry
	err = l.m.Update(func(tx *manifest.Tx) (err error) {
		if e, err = l.decision(tx, "approve"); err != nil {
			return err
		}
		if a.ID, err = decisionID(tx, e.ID); err != nil {
			return err
		}
		a.Budget, a.Job, a.ExtraNanoUSD, a.ExtraBytes = n.Budget, n.Job, int64(n.ExtraNanoUSD), n.ExtraBytes
		a.Reason, a.By, a.At, a.Expires = n.Reason, n.By, e.At, manifest.At(n.Expires)
		e.Approval = &a
		return tx.PutApproval(a)
	})
	if err != nil {
		return a, err
	}
	return a, l.m.Journal().Append(e)
}

// Revoke takes an approval back: what it gave and was not spent is held again. Error: [ErrDecision].
func (l *Ledger) Revoke(id, by string) (a manifest.Approval, err error) {
	var e manifest.Entry
	err = l.m.Update(func(tx *manifest.Tx) (err error) {
		if e, err = l.decision(tx, "approve"); err != nil {
			return err
		}
		var ok bool
		if a, ok, err = tx.Approval(id); err != nil {
			return err
		}
		if !ok || !a.Live(e.At) {
			return fmt.Errorf("%w: no approval %q counts now", ErrDecision, id)
		}
		a.Revoked, a.RevokedBy = e.At, by
		e.Approval = &a
		return tx.PutApproval(a)
	})
	if err != nil {
		return a, err
	}
	return a, l.m.Journal().Append(e)
}

// Approvals are all, the oldest first, those that expired too.
func (l *Ledger) Approvals() (list []manifest.Approval, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		return tx.Approvals(func(a manifest.Approval) (bool, error) { list = append(list, a); return true, nil })
	})
	sortByTime(list, func(a manifest.Approval) manifest.Millis { return a.At })
	return list, err
}

// ApprovalLeft is what an approval can still give to a budget.
func ApprovalLeft(a manifest.Approval, budget string) (NanoUSD, int64) {
	return (&approval{Approval: a}).left(budget)
}
