package manifest

import "fmt"

// What people decided about budgets, and the doubts that made them. They stand in the journal too, so that a manifest that is made
// anew does not forget them.
var (
	approvals = table[Approval]{bucket: "approvals", sealed: true}
	doubts    = table[Doubt]{bucket: "doubts", sealed: true}
	resets    = table[Reset]{bucket: "resets", sealed: true}
	alerts    = table[Alert]{bucket: "alerts"}
)

// Approval lets more be spent than a budget's limit, once, until it expires: for everything that the budget counts, or for one job,
// whatever budgets count it.
type Approval struct {
	ID     string `cbor:"1,keyasint" json:"id"`
	Budget string `cbor:"2,keyasint,omitempty" json:"budget,omitempty"`
	Job    string `cbor:"3,keyasint,omitempty" json:"job,omitempty"`
	// What may be spent beyond the limits, of each budget; 0 of one kind is nothing of it.
	ExtraNanoUSD int64  `cbor:"4,keyasint" json:"extra_nano_usd"`
	ExtraBytes   int64  `cbor:"5,keyasint" json:"extra_bytes"`
	Reason       string `cbor:"6,keyasint" json:"reason"`
	By           string `cbor:"7,keyasint" json:"by"` // user@host
	At           Millis `cbor:"8,keyasint" json:"at"`
	Expires      Millis `cbor:"9,keyasint" json:"expires"`
	// Revoked is when it was taken back, 0 if it was not.
	Revoked   Millis `cbor:"10,keyasint,omitempty" json:"revoked,omitempty"`
	RevokedBy string `cbor:"11,keyasint,omitempty" json:"revoked_by,omitempty"`
	// Given is what windows took of it. The journal has it in the reservations that took it.
	Given []Draw `cbor:"12,keyasint,omitempty" json:"-"`
}

// Live tells whether it counts at this time.
func (a Approval) Live(now Millis) bool { return a.Revoked == 0 && now < a.Expires }

// Doubt says that money was spent that nobody knows of any more: the manifest was lost, and the journal too or in part. Windows that
// were open then count as spent.
type Doubt struct {
	ID  string `cbor:"1,keyasint" json:"id"`
	At  Millis `cbor:"2,keyasint" json:"at"`
	Why string `cbor:"3,keyasint" json:"why"`
	// Accounts that were lost, with the last id of each that is known to have been given out.
	Accounts map[string]uint64 `cbor:"4,keyasint" json:"accounts"`
}

// Reset is somebody's word that doubts about a budget, or about all, are settled.
type Reset struct {
	ID     string `cbor:"1,keyasint" json:"id"`
	At     Millis `cbor:"2,keyasint" json:"at"`
	Budget string `cbor:"3,keyasint,omitempty" json:"budget,omitempty"` // "": all
	Reason string `cbor:"4,keyasint" json:"reason"`
	By     string `cbor:"5,keyasint" json:"by"` // user@host
	// Doubts that it settles.
	Doubts []string `cbor:"6,keyasint" json:"doubts"`
}

// AlertKind is what an alert tells.
type AlertKind string

// The kinds.
const (
	// AlertThreshold: spent and reserved reached a share of the limit.
	AlertThreshold AlertKind = "threshold"
	// AlertAsk: something does not fit a budget that asks at its limit, and waits for an approval.
	AlertAsk AlertKind = "ask"
)

// Alert is something about a budget that somebody should be told, once a window.
type Alert struct {
	Budget string    `cbor:"1,keyasint" json:"budget"`
	Window string    `cbor:"2,keyasint" json:"window"`
	Kind   AlertKind `cbor:"3,keyasint" json:"kind"`
	// Share of the limit that was reached, in hundredths of a percent; for AlertThreshold.
	Share int64 `cbor:"4,keyasint,omitempty" json:"-"`
	// Job and dataset that wait, and what they need beyond what is left; for AlertAsk.
	Job         string `cbor:"5,keyasint,omitempty" json:"job,omitempty"`
	Dataset     string `cbor:"6,keyasint,omitempty" json:"dataset,omitempty"`
	MoreNanoUSD int64  `cbor:"7,keyasint,omitempty" json:"-"`
	MoreBytes   int64  `cbor:"8,keyasint,omitempty" json:"more_bytes,omitempty"`
	At          Millis `cbor:"9,keyasint" json:"at"`
	// Spent and reserved then.
	UsedNanoUSD int64 `cbor:"10,keyasint" json:"-"`
	UsedBytes   int64 `cbor:"11,keyasint" json:"used_bytes"`
	// Delivered is when a notifier took it over, which tells it until somebody has it; 0 until one did.
	Delivered Millis `cbor:"12,keyasint,omitempty" json:"delivered"`
}

func (a Alert) bytes() []byte {
	return key(a.Budget, a.Window, string(a.Kind), fmt.Sprintf("%05d", a.Share), a.Job, a.Dataset)
}

// Approval returns one.
func (tx *Tx) Approval(id string) (Approval, bool, error) { return approvals.get(tx, key(id)) }

// PutApproval replaces it.
func (tx *Tx) PutApproval(a Approval) error { return approvals.put(tx, key(a.ID), a) }

// Approvals calls f for every one, live or not; f returns false to stop.
func (tx *Tx) Approvals(f func(Approval) (bool, error)) error {
	return approvals.scan(tx, nil, nil, func(_ []byte, a Approval) (bool, error) { return f(a) })
}

// PutDoubt records one, and with it that the accounts that it names are not to be asked for again.
func (tx *Tx) PutDoubt(d Doubt) error {
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	for account, id := range d.Accounts {
		a.take(account, id)
		if account == a.ID {
			a.TakenOver = max(a.TakenOver, id)
		}
	}
	return doubts.put(tx, key(d.ID), d)
}

// Doubts calls f for every one, settled or not.
func (tx *Tx) Doubts(f func(Doubt) (bool, error)) error {
	return doubts.scan(tx, nil, nil, func(_ []byte, d Doubt) (bool, error) { return f(d) })
}

// PutReset records one.
func (tx *Tx) PutReset(r Reset) error { return resets.put(tx, key(r.ID), r) }

// Resets calls f for every one.
func (tx *Tx) Resets(f func(Reset) (bool, error)) error {
	return resets.scan(tx, nil, nil, func(_ []byte, r Reset) (bool, error) { return f(r) })
}

// PutAlert records one, unless it stands already, and not for less; fresh tells that it did not.
func (tx *Tx) PutAlert(a Alert) (fresh bool, err error) {
	old, ok, err := alerts.get(tx, a.bytes())
	if err != nil || ok && a.MoreNanoUSD <= old.MoreNanoUSD && a.MoreBytes <= old.MoreBytes {
		return false, err
	}
	return true, alerts.put(tx, a.bytes(), a)
}

// DeliverAlert records that a notifier took it over.
func (tx *Tx) DeliverAlert(a Alert, at Millis) error {
	a.Delivered = at
	return alerts.put(tx, a.bytes(), a)
}

// Alerts calls f for those of one budget, of all with "", in the order of budgets and windows; f returns false to stop.
func (tx *Tx) Alerts(budget string, f func(Alert) (bool, error)) error {
	var prefix []byte
	if budget != "" {
		prefix = within(budget)
	}
	return alerts.scan(tx, prefix, nil, func(_ []byte, a Alert) (bool, error) { return f(a) })
}
