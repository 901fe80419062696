package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// traceFile says, in the state directory and in the journal's folder, that money was accounted for here. A manifest that is made anew
// tells by it whether the journal has all that was spent, or whether some of that is not known any more. Where there is none, nothing
// was spent before: a first run.
const traceFile = "account.json"

// trace is what traceFile holds.
type trace struct {
	// Accounts are the highest ids in the journal, by account.
	Accounts map[string]uint64 `json:"accounts"`
	// Clock is the time that the ledger was in.
	Clock Millis `json:"clock"`
	// Journal has the length of each of its files.
	Journal map[string]int64 `json:"journal"`
}

// traces are left whenever the journal's mark moves, and at the end.
type traces struct {
	mu   sync.Mutex
	last trace
	err  error
}

// leaveTrace writes the trace of an account, as far as the journal is durable. A trace that cannot be written is told when the manifest
// is closed: the ledger must not fail for it.
func (m *Manifest) leaveTrace(a account) {
	if m.journal == nil {
		return
	}
	m.traces.mu.Lock()
	defer m.traces.mu.Unlock()
	t, b, err := m.traceOf(a)
	m.traces.last = t
	if err == nil {
		for _, dir := range m.traceDirs() {
			err = errors.Join(err, WriteFile(filepath.Join(dir, traceFile), b, 0o600))
		}
	}
	m.traces.err = err
}

// traceOf is the trace that an account should leave, with m.traces.mu held.
func (m *Manifest) traceOf(a account) (t trace, file []byte, err error) {
	t = trace{Accounts: map[string]uint64{}, Clock: a.Clock, Journal: m.journal.lengths()}
	maps.Copy(t.Accounts, m.traces.last.Accounts)
	for account, id := range a.Others {
		t.Accounts[account] = max(t.Accounts[account], id)
	}
	t.Accounts[a.ID] = max(t.Accounts[a.ID], m.journal.lastID())
	file, err = json.Marshal(t)
	return t, append(file, '\n'), err
}

// traceStands tells whether the trace that an account should leave is in both places.
func (m *Manifest) traceStands(a account) bool {
	m.traces.mu.Lock()
	defer m.traces.mu.Unlock()
	_, want, err := m.traceOf(a)
	if err != nil || m.traces.err != nil {
		return false
	}
	for _, dir := range m.traceDirs() {
		if have, err := os.ReadFile(filepath.Join(dir, traceFile)); err != nil || !bytes.Equal(have, want) {
			return false
		}
	}
	return true
}

func (t *traces) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return nil
	}
	return fmt.Errorf("the trace of the account, by which a lost manifest is noticed: %w", t.err)
}

func (m *Manifest) traceDirs() []string { return []string{m.dir, m.journal.dir} }

// readTraces joins what the two places say. damaged names those that cannot be read.
func (m *Manifest) readTraces() (t trace, damaged []string, err error) {
	t = trace{Accounts: map[string]uint64{}, Journal: map[string]int64{}}
	for _, dir := range m.traceDirs() {
		path := filepath.Join(dir, traceFile)
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return t, nil, fmt.Errorf("read the trace of the account: %w", err)
		}
		var one trace
		if json.Unmarshal(b, &one) != nil || one.Accounts == nil {
			damaged = append(damaged, path)
			continue
		}
		for account, id := range one.Accounts {
			t.Accounts[account] = max(t.Accounts[account], id)
		}
		for name, n := range one.Journal {
			t.Journal[name] = max(t.Journal[name], n)
		}
		t.Clock = max(t.Clock, one.Clock)
	}
	return t, damaged, nil
}

// Lost is what traces say was spent and neither the manifest nor the journal knows any more; see [Tx.LostSpend].
type Lost struct {
	// Accounts whose spending is not known whole, with the last id of each that is known to have been given out; nil: nothing is lost.
	Accounts map[string]uint64
	// Why says what is missing, for people.
	Why string
	// Clock is the latest time that the ledger is known to have been in.
	Clock Millis
}

// LostSpend compares the traces with what the manifest knew before it took the journal into account, and with what it knows now. It
// is called in the transaction that calls [Tx.AccountForJournal], after that.
func (m *Manifest) LostSpend(tx *Tx, u Unaccounted) (lost Lost, err error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return lost, err
	}
	t, damaged, err := m.readTraces()
	if err != nil {
		return lost, err
	}
	m.traces.mu.Lock()
	m.traces.last = t
	m.traces.mu.Unlock()
	lost.Clock = t.Clock
	before, now := u.before, a.known()
	give := func(account string, why string) {
		if lost.Accounts == nil {
			lost.Accounts = map[string]uint64{}
		}
		lost.Accounts[account] = max(t.Accounts[account], u.last[account])
		lost.Why = why
	}
	gone := m.journalGone(t)
	for _, account := range slices.Sorted(maps.Keys(t.Accounts)) {
		switch last := t.Accounts[account]; {
		case before[account] >= last: // the manifest has it all, whatever became of the journal
		case len(gone) > 0:
			give(account, "the manifest is new or an old one, and the journal has lost "+strings.Join(gone, ", "))
		case now[account] < last:
			give(account, fmt.Sprintf("the manifest is new or an old one, and the journal ends before reservation %d", last))
		}
	}
	if u.Damaged > 0 {
		m.lostLines(*a, t, u, give)
	}
	if len(damaged) > 0 && len(t.Accounts) == 0 && len(before) == 1 && before[a.ID] == 0 {
		give("", "the manifest is new, and "+strings.Join(damaged, " and ")+" cannot be read")
	}
	return lost, m.lookBack(tx, *a, t, func(why string) {
		if lost.Accounts == nil {
			give(a.ID, why)
		}
	})
}

// lostLines finds reservations that have no line left in a journal some lines of which are damaged. One that a process did not come to write, which spent nothing, is not told
// from one whose lines are all damaged.
func (m *Manifest) lostLines(a account, t trace, u Unaccounted, give func(account, why string)) {
	var missing uint64
	for account, last := range u.last {
		missing += u.missing(account, last)
	}
	for account, last := range t.Accounts {
		if last > u.last[account] {
			missing += u.missing(account, last) - u.missing(account, u.last[account])
		}
	}
	// Of a manifest that knows nothing, and whose journal has nothing that can be read, nobody knows how much there was.
	fresh := len(u.before) == 1 && u.before[a.ID] == 0
	if nothing := fresh && len(u.last) == 0; missing > 0 || nothing {
		for _, account := range slices.Sorted(maps.Keys(u.last)) {
			give(account, fmt.Sprintf("the manifest is new or an old one, %d lines of the journal are damaged, and %d reservations have no other line", u.Damaged, missing))
		}
		if nothing {
			give("", fmt.Sprintf("the manifest is new, and %d lines of the journal are damaged, which are all that it has", u.Damaged))
		}
	}
}

// lookBack ends that a manifest counts as one that was put back. Without any trace beside it nobody knows what was spent after it was copied.
func (m *Manifest) lookBack(tx *Tx, a account, t trace, doubt func(why string)) error {
	r, ok, err := restores.get(tx, restoreKey)
	if err != nil || !ok {
		return err
	}
	if _, known := t.Accounts[a.ID]; !known && (!r.Rebuilt || len(t.Accounts) == 0) {
		doubt(r.why())
	}
	return restores.delete(tx, restoreKey)
}

// journalGone names the files of a trace that are not there, or shorter than they were.
func (m *Manifest) journalGone(t trace) (gone []string) {
	for _, name := range slices.Sorted(maps.Keys(t.Journal)) {
		info, err := os.Stat(filepath.Join(m.journal.dir, name))
		if err != nil || info.Size() < t.Journal[name] {
			gone = append(gone, filepath.Join(m.journal.dir, name))
		}
	}
	return gone
}
