package manifest

import "github.com/datagravity/datagravity/internal/saturating"

var (
	reservations = table[Open]{bucket: "reservations", sealed: true}
	windows      = table[Window]{bucket: "windows", sealed: true}
	meters       = table[Meter]{bucket: "meters", sealed: true}
	lines        = table[Line]{bucket: "ledger"}
)

// Open is a reservation that was not settled yet. One that stands when the manifest is opened belongs to a process that
// died: the bytes may have moved, so it is settled at its full amount.
type Open struct {
	ID       uint64   `cbor:"1,keyasint" json:"id"`
	At       Millis   `cbor:"2,keyasint" json:"at"`
	Windows  []string `cbor:"3,keyasint,omitempty" json:"windows,omitempty"` // budget NUL window
	Meter    string   `cbor:"4,keyasint,omitempty" json:"meter,omitempty"`   // pool NUL month
	Bytes    int64    `cbor:"5,keyasint" json:"bytes"`
	NanoUSD  int64    `cbor:"6,keyasint" json:"nano_usd"`
	Requests int64    `cbor:"7,keyasint" json:"requests"`
	Line     LineKey  `cbor:"8,keyasint" json:"line"`
	RateID   string   `cbor:"9,keyasint,omitempty" json:"rate_id,omitempty"`
	Book     string   `cbor:"10,keyasint,omitempty" json:"book,omitempty"`
	// Drawn is what it took from approvals, beyond what its budgets have.
	Drawn []Draw `cbor:"11,keyasint,omitempty" json:"drawn,omitempty"`
	// OtherNanoUSD is the part of NanoUSD that is not for the bytes at the provider's rate: requests, retrieval, charges at the agent.
	OtherNanoUSD int64 `cbor:"12,keyasint,omitempty" json:"other_nano_usd,omitempty"`
	// Grant that it stands for: another agent may spend it, whatever becomes of the process that made it.
	Grant string `cbor:"13,keyasint,omitempty" json:"grant,omitempty"`
}

// Draw is what one reservation took from an approval in one window.
type Draw struct {
	Approval string `cbor:"1,keyasint" json:"approval"`
	Window   string `cbor:"2,keyasint" json:"window"` // budget NUL window, and of one that slides @ and the hour (UTC)
	NanoUSD  int64  `cbor:"3,keyasint,omitempty" json:"nano_usd,omitempty"`
	Bytes    int64  `cbor:"4,keyasint,omitempty" json:"bytes,omitempty"`
}

// LineKey says what a ledger line is about.
type LineKey struct {
	Month    string `cbor:"1,keyasint" json:"month"` // 2026-11, UTC
	Dataset  string `cbor:"2,keyasint" json:"dataset"`
	Path     string `cbor:"3,keyasint" json:"path"`
	From     string `cbor:"4,keyasint" json:"from"` // location
	To       string `cbor:"5,keyasint" json:"to"`   // location
	Source   string `cbor:"6,keyasint" json:"source"`
	Dest     string `cbor:"7,keyasint,omitempty" json:"destination,omitempty"`
	Need     string `cbor:"8,keyasint,omitempty" json:"need,omitempty"`
	Activity string `cbor:"9,keyasint" json:"activity"` // transfer, index, verify, adopt
	// Day is that of the reservation, 2026-11-26 in UTC; "" in lines from before schema 3.
	Day string `cbor:"10,keyasint,omitempty" json:"day,omitempty"`
	// Job and Team that it is charged to, "" if nobody said.
	Job  string `cbor:"11,keyasint,omitempty" json:"job,omitempty"`
	Team string `cbor:"12,keyasint,omitempty" json:"team,omitempty"`
}

// Line is the account of one shard over one link on one day at one price: the settled sums. The journal holds every single step. [Manifest.Trim] adds up those that are old.
type Line struct {
	LineKey  LineKey `cbor:"1,keyasint" json:"line"`
	First    Millis  `cbor:"2,keyasint" json:"first"`
	Last     Millis  `cbor:"3,keyasint" json:"last"`
	Bytes    int64   `cbor:"4,keyasint" json:"bytes"`
	NanoUSD  int64   `cbor:"5,keyasint" json:"nano_usd"`
	Requests int64   `cbor:"6,keyasint" json:"requests"`
	// Charged whole because a process died or a request broke off: how many reservations.
	Unknown int64  `cbor:"7,keyasint,omitempty" json:"charged_whole,omitempty"`
	RateID  string `cbor:"8,keyasint,omitempty" json:"rate_id,omitempty"`
	Book    string `cbor:"9,keyasint,omitempty" json:"book,omitempty"`
	// OtherNanoUSD is the part of NanoUSD that is for requests, retrieval and charges at the agent.
	OtherNanoUSD int64 `cbor:"10,keyasint,omitempty" json:"other_nano_usd,omitempty"`
	// Sum tells that it is what so many older lines came to, which are not there any more; 0 for a line itself.
	Sum int64 `cbor:"11,keyasint,omitempty" json:"sum_of,omitempty"`
}

// Plus is a line with what another came to under the same names.
func (l Line) Plus(o Line) Line {
	l.First, l.Last = min(l.First, o.First), max(l.Last, o.Last)
	l.Bytes, l.Requests = saturating.Add(l.Bytes, o.Bytes), saturating.Add(l.Requests, o.Requests)
	l.NanoUSD, l.OtherNanoUSD = saturating.Add(l.NanoUSD, o.NanoUSD), saturating.Add(l.OtherNanoUSD, o.OtherNanoUSD)
	l.Unknown, l.Sum = l.Unknown+o.Unknown, l.Sum+o.Sum
	return l
}

// Window is what one budget has used in one window.
type Window struct {
	SettledNanoUSD  int64 `cbor:"1,keyasint" json:"settled_nano_usd"`
	ReservedNanoUSD int64 `cbor:"2,keyasint" json:"reserved_nano_usd"`
	SettledBytes    int64 `cbor:"3,keyasint" json:"settled_bytes"`
	ReservedBytes   int64 `cbor:"4,keyasint" json:"reserved_bytes"`
	// Alerted is the highest share of the limit that was told of, in hundredths of a percent.
	Alerted int64 `cbor:"5,keyasint,omitempty" json:"alerted,omitempty"`
	// Requests are counted on grants alone.
	SettledRequests  int64 `cbor:"6,keyasint,omitempty" json:"settled_requests,omitempty"`
	ReservedRequests int64 `cbor:"7,keyasint,omitempty" json:"reserved_requests,omitempty"`
}

// Meter is what one pooled meter of a provider measured in one month, as far as we moved it.
type Meter struct {
	SettledBytes  int64 `cbor:"1,keyasint" json:"settled_bytes"`
	ReservedBytes int64 `cbor:"2,keyasint" json:"reserved_bytes"`
}

// PutReservation records one.
func (tx *Tx) PutReservation(o Open) error { return reservations.put(tx, u64(o.ID), o) }

// Reservation returns one.
func (tx *Tx) Reservation(id uint64) (Open, bool, error) { return reservations.get(tx, u64(id)) }

// DeleteReservation removes one.
func (tx *Tx) DeleteReservation(id uint64) error { return reservations.delete(tx, u64(id)) }

// Reservations calls f for every open one.
func (tx *Tx) Reservations(f func(Open) (bool, error)) error {
	return reservations.scan(tx, nil, nil, func(_ []byte, o Open) (bool, error) { return f(o) })
}

// Window returns what is counted of a budget in a window, if anything is.
func (tx *Tx) Window(id string) (Window, bool, error) { return windows.get(tx, []byte(id)) }

// PutWindow replaces it.
func (tx *Tx) PutWindow(id string, w Window) error { return windows.put(tx, []byte(id), w) }

// WindowID names a budget's window.
func WindowID(budget, window string) string { return string(key(budget, window)) }

// Meter returns what a pooled meter measured in a month.
func (tx *Tx) Meter(id string) (Meter, error) {
	m, _, err := meters.get(tx, []byte(id))
	return m, err
}

// PutMeter replaces it.
func (tx *Tx) PutMeter(id string, m Meter) error { return meters.put(tx, []byte(id), m) }

// MeterID names a pool's month.
func MeterID(pool, month string) string { return string(key(pool, month)) }

func (l Line) bytes() []byte {
	k := l.LineKey
	parts := []string{k.Month, k.Dataset, k.Path, k.Source, k.Dest, k.From, k.To, k.Need, k.Activity, k.Day, k.Job, k.Team, l.RateID, l.Book}
	// What was added up is beside what is still counted under the same names; and what was charged whole is not mixed with what was metered.
	switch {
	case l.Sum > 0 && l.Unknown > 0:
		parts = append(parts, "sum", "whole")
	case l.Sum > 0:
		parts = append(parts, "sum")
	}
	return key(parts...)
}

// Line returns the account of one shard over one link on one day, at one price.
func (tx *Tx) Line(k LineKey, rateID, book string) (Line, bool, error) {
	return lines.get(tx, Line{LineKey: k, RateID: rateID, Book: book}.bytes())
}

// PutLine replaces it.
func (tx *Tx) PutLine(l Line) error { return lines.put(tx, l.bytes(), l) }

// addToLine adds to what stands under the same names, if anything does.
func (tx *Tx) addToLine(l Line) error {
	have, ok, err := lines.get(tx, l.bytes())
	if err != nil {
		return err
	}
	if ok {
		l = have.Plus(l)
	}
	return tx.PutLine(l)
}

// Lines calls f for every line, by month, dataset and path.
func (tx *Tx) Lines(f func(Line) (bool, error)) error {
	return lines.scan(tx, nil, nil, func(_ []byte, l Line) (bool, error) { return f(l) })
}
