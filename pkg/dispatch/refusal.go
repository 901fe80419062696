package dispatch

import (
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// refusal of a destination: an agent with another manifest writes to it.
type refusal struct {
	why    string
	holder lease.Holder
	// until is when it is looked at again.
	until time.Time
}

// refused has all that would move to a destination wait, if an error says that another agent writes there.
func (d *Dispatcher) refused(t turn, err error) bool {
	var held *lease.HeldError
	d.mu.Lock()
	defer d.mu.Unlock()
	if !errors.As(err, &held) {
		delete(d.refusals, t.destination)
		return false
	}
	before := d.refusals[t.destination]
	d.refusals[t.destination] = refusal{oneLine(err), held.Holder, d.now().Add(held.Again)}
	if before.holder != held.Holder {
		d.Log.Warn("jobs wait: another agent writes to their destination; it is looked at again", "destination", t.destination, "why", err, "again_in", held.Again)
	}
	return true
}

// refusedAt is why nothing may move to a destination now, "" if it may be tried.
func (d *Dispatcher) refusedAt(destination string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.refusals[destination]; r.until.After(d.now()) {
		return r.why
	}
	return ""
}
