package cost

import (
	"fmt"
	"maps"
	"slices"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// admission checks crossings against the budgets within one transaction, all of them in memory before anything is written: budgets,
// meters and approvals are read once and written once, however many shards go together, and a refusal leaves nothing behind.
type admission struct {
	l   *Ledger
	tx  *manifest.Tx
	now manifest.Millis

	standings map[string]*standing // by budget
	counted   []*standing          // in the order in which they were first counted
	subjects  map[Subject][]*standing
	meters    map[string]int64 // bytes reserved
	live      []*approval
	looked    bool // live is known
	grants    map[manifest.GrantFor][]*drawable
	owed      map[string]*drawable // by source
}

// approval is one with what it gives in this transaction.
type approval struct {
	manifest.Approval
	drawn bool
}

func (l *Ledger) admission(tx *manifest.Tx) *admission {
	return &admission{
		l: l, tx: tx, standings: map[string]*standing{}, subjects: map[Subject][]*standing{}, meters: map[string]int64{},
		grants: map[manifest.GrantFor][]*drawable{}, owed: map[string]*drawable{},
	}
}

// admit makes the reservations of crossings, without their ids, or says which budget refuses them.
func (a *admission) admit(crossings []Crossing) (open []manifest.Open, refused, err error) {
	if a.now, err = a.tx.LedgerTime(manifest.At(a.l.m.Now())); err != nil {
		return nil, nil, err
	}
	for _, c := range crossings {
		o, refused, err := a.reserve(c)
		if err != nil || refused != nil {
			return nil, refused, err
		}
		open = append(open, o)
	}
	return open, nil, nil
}

func (a *admission) reserve(c Crossing) (o manifest.Open, refused, err error) {
	line := c.line(a.now.Time())
	at, err := a.l.position(a.tx, c.Rate, line.Month)
	if err != nil {
		return o, nil, err
	}
	amount := a.l.dearest(c, at)
	if amount.all == MaxNanoUSD || c.Bytes < 0 {
		return o, fmt.Errorf("%w: %d bytes over %s for %q have no price that can be counted (rate %q)", ErrBudget, c.Bytes,
			c.Link.Name(), c.Path, c.Rate.ID), nil
	}
	o = manifest.Open{
		At: a.now, Bytes: c.counts(c.Bytes), NanoUSD: int64(amount.all), Requests: c.requestCount(), Line: line,
		Meter: manifest.MeterID(c.Rate.Pool, line.Month), RateID: c.Rate.ID, Book: a.l.book.Version, OtherNanoUSD: int64(amount.other),
	}
	if o.Drawn, refused, err = a.fit(c.Subject(), amount.all, o.Bytes); err != nil || refused != nil {
		return o, refused, err
	}
	if a.l.NeedsGrant(c) {
		if refused, err := a.grant(&o, c); err != nil || refused != nil {
			return o, refused, err
		}
	}
	for _, s := range a.subjects[c.Subject()] {
		o.Windows = append(o.Windows, s.id)
		s.reserve(amount.all, o.Bytes)
	}
	a.meters[o.Meter] += o.Bytes
	return o, nil, nil
}

// counting returns the budgets that count a subject, as they stand with what was admitted before.
func (a *admission) counting(of Subject) ([]*standing, error) {
	if list, ok := a.subjects[of]; ok {
		return list, nil
	}
	var list []*standing
	for _, b := range a.l.budgets {
		if !b.Counts(of) {
			continue
		}
		s := a.standings[b.Name]
		if s == nil {
			one, err := a.l.standing(a.tx, b, a.now)
			if err != nil {
				return nil, err
			}
			s = &one
			a.standings[b.Name] = s
			a.counted = append(a.counted, s)
		}
		list = append(list, s)
	}
	a.subjects[of] = list
	return list, nil
}

// fit tells what an amount must be given by approvals to fit every budget that counts it, or which one refuses it.
func (a *admission) fit(of Subject, amount NanoUSD, bytes int64) (drawn []manifest.Draw, refused, err error) {
	list, err := a.counting(of)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range list {
		u := s.Use
		if usd, more := u.missing(amount, bytes); usd == 0 && more == 0 {
			continue
		}
		if err := a.look(); err != nil {
			return nil, nil, err
		}
		for _, one := range a.live {
			if one.lets(u.Budget.Name, of) {
				usd, bytes := one.to(s)
				u.ExtraNanoUSD, u.ExtraBytes = AddNanoUSD(u.ExtraNanoUSD, usd), saturating.Add(u.ExtraBytes, bytes)
			}
		}
		// What was settled or reserved beyond the limit is missing too: an approval that expired no longer carries it.
		usd, more := u.beyond(amount, bytes)
		for _, one := range a.live {
			if !one.lets(u.Budget.Name, of) || u.Doubt != "" {
				continue
			}
			canUSD, canBytes := one.left(u.Budget.Name)
			d := manifest.Draw{Approval: one.ID, Window: s.drawn(a.now), NanoUSD: int64(min(canUSD, usd)), Bytes: min(canBytes, more)}
			if d.NanoUSD > 0 || d.Bytes > 0 {
				usd, more = usd-NanoUSD(d.NanoUSD), more-d.Bytes
				drawn = append(drawn, d)
			}
		}
		if usd > 0 || more > 0 {
			return nil, &OverBudget{Use: u, Subject: of, NanoUSD: amount, Bytes: bytes, MoreNanoUSD: usd, MoreBytes: more}, nil
		}
	}
	for _, d := range drawn {
		for _, one := range a.live {
			if one.ID == d.Approval {
				one.Given, one.drawn = give(one.Given, d), true
			}
		}
	}
	return drawn, nil, nil
}

// look reads the approvals, which most reservations do not need.
func (a *admission) look() (err error) {
	if !a.looked {
		a.live, err = liveApprovals(a.tx, a.now)
		a.looked = err == nil
	}
	return err
}

// write makes what was admitted durable with the transaction, gives the reservations their ids, and returns the alerts that are new.
func (a *admission) write(open []manifest.Open) (reached []manifest.Alert, err error) {
	if len(open) == 0 {
		return nil, nil
	}
	if _, err := a.tx.PassTime(a.now); err != nil {
		return nil, err
	}
	for _, s := range a.counted {
		if err := s.alert(a.tx, a.now, &reached); err != nil {
			return nil, err
		}
		if err := a.tx.PutWindow(s.id, s.record); err != nil {
			return nil, err
		}
	}
	if err := a.writeGrants(); err != nil {
		return nil, err
	}
	for _, one := range a.live {
		if one.drawn {
			if err := a.tx.PutApproval(one.Approval); err != nil {
				return nil, err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.meters)) {
		if err := addToMeter(a.tx, id, manifest.Meter{ReservedBytes: a.meters[id]}); err != nil {
			return nil, err
		}
	}
	for i := range open {
		o := &open[i]
		if o.ID, err = a.tx.NextReservation(); err != nil {
			return nil, err
		}
		if err := a.tx.PutReservation(*o); err != nil {
			return nil, err
		}
	}
	return reached, nil
}
