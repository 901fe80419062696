package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
)

// The manifest knows how far it has taken the journal into account, so that opening it reads the rest only, and so that a
// manifest that is older than the journal (restored from a backup, or made anew) is noticed.
//
// Every entry is appended after its transaction was committed. So whatever is in the journal when a transaction begins is
// known to it, and the mark may be moved in any transaction of the session. What lies behind the mark may still be known:
// the process died before it moved the mark. An entry is unknown exactly if its reservation's id is higher than the
// highest that the manifest has for the entry's account.
var (
	marks   = table[map[string]mark]{bucket: "meta"}
	markKey = []byte("journal")
)

// mark is how far one file of the journal was taken into account.
type mark struct {
	Bytes int64 `cbor:"1,keyasint"`
	// Head are the file's first bytes: another file under the same name is read from its start.
	Head []byte `cbor:"2,keyasint"`
}

// headBytes cover the first line's checksum and the start of its text.
const headBytes = 64

// markEvery is how much the journal grows before the mark moves along in some transaction: reading 1 MiB takes about 50 ms.
const markEvery = 1 << 20

// Unaccounted is what a manifest does not know of its journal; see [Manifest.UnaccountedEntries].
type Unaccounted struct {
	// Entries that were given to f, and damaged lines among those read.
	Entries, Damaged int
	// Shorter names files that are shorter than what was taken into account of them: part of the journal is lost. The
	// manifest has it all; only a second loss, of the manifest, would now be one of spend.
	Shorter []string

	before, last map[string]uint64 // by account, the highest id that was known, and that was read
	seen         map[string]idSet  // by account, the ids of Entries
	givenUp      map[string]uint64 // by account, the highest id up to which doubts among Entries say that it is not known what was spent
	to           map[string]mark
}

// UnaccountedEntries calls f for every entry of the journal that the manifest knows nothing of, oldest month first. stands
// tells that the entry ends a reservation that still stands in the manifest; of all others the manifest has nothing.
// [Tx.AccountForJournal] then records, in the same transaction, that it knows them. It is called before anything is
// reserved.
func (m *Manifest) UnaccountedEntries(tx *Tx, f func(e Entry, stands bool) error) (out Unaccounted, err error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return out, err
	}
	known := a.known()
	have, _, err := marks.get(tx, markKey)
	if err != nil {
		return out, err
	}
	out.before, out.last, out.seen, out.to = known, map[string]uint64{}, map[string]idSet{}, map[string]mark{}
	out.givenUp = map[string]uint64{}
	names, err := m.journal.names()
	if err != nil {
		return out, err
	}
	for name := range have {
		if _, err := os.Stat(filepath.Join(m.journal.dir, name)); errors.Is(err, os.ErrNotExist) {
			out.Shorter = append(out.Shorter, name)
		}
	}
	unknown := func(e Entry) error {
		stands := false
		if e.ID <= known[e.Account] {
			if e.Account != a.ID || e.Kind == "reserve" {
				return nil
			}
			if _, stands, err = tx.Reservation(e.ID); err != nil || !stands {
				return err
			}
		}
		out.Entries++
		out.last[e.Account] = max(out.last[e.Account], e.ID)
		if out.seen[e.Account] == nil {
			out.seen[e.Account] = idSet{}
		}
		out.seen[e.Account].add(e.ID)
		if e.Doubt != nil {
			for account, id := range e.Doubt.Accounts {
				out.givenUp[account] = max(out.givenUp[account], id)
			}
		}
		return f(e, stands)
	}
	for _, name := range names {
		if err := m.readUnaccounted(name, have[name], &out, unknown); err != nil {
			return out, fmt.Errorf("read the ledger's journal %s: %w", filepath.Join(m.journal.dir, name), err)
		}
	}
	return out, nil
}

func (m *Manifest) readUnaccounted(name string, have mark, out *Unaccounted, f func(Entry) error) error {
	path := filepath.Join(m.journal.dir, name)
	head, err := readHead(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	from := have.Bytes
	if !bytes.HasPrefix(head, have.Head) {
		from = 0
	}
	if info.Size() < have.Bytes {
		out.Shorter = append(out.Shorter, name)
		from = 0 // ids tell what is known
	}
	damaged, size, err := readJournalFile(path, from, f)
	out.Damaged += damaged
	out.to[name] = mark{from + size, head}
	return err
}

// missing is how many ids of an account, up to one that was given out, were not known, nor given up, and have no entry that could be read.
func (u Unaccounted) missing(account string, last uint64) uint64 {
	before := max(u.before[account], u.givenUp[account])
	if last <= before {
		return 0
	}
	n := last - before
	return n - min(n, u.seen[account].between(before, last))
}

// idSet has a bit for each id. They are given out one after the other, so that it is small.
type idSet map[uint64]uint64

func (s idSet) add(id uint64) { s[id/64] |= 1 << (id % 64) }

// between counts the members behind one id, up to another.
func (s idSet) between(after, last uint64) (n uint64) {
	for at, word := range s {
		for ; word != 0; word &= word - 1 {
			if id := 64*at + uint64(bits.TrailingZeros64(word)); id > after && id <= last {
				n++
			}
		}
	}
	return n
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], errors.Join(err, f.Close())
}

// AccountForJournal records that the transaction has booked what was unaccounted. From then on the mark moves along, and the trace
// of the account with it.
func (tx *Tx) AccountForJournal(u Unaccounted) error {
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	for account, id := range u.last {
		a.take(account, id)
	}
	tx.changed = true
	tx.accounted = true
	return marks.put(tx, markKey, u.to)
}

// moveMark moves the mark along in a transaction of the ledger, once the journal has grown enough.
func (m *Manifest) moveMark(tx *Tx) error {
	if tx.accounted {
		a := *tx.account
		tx.b.OnCommit(func() {
			m.accounted.Store(true)
			m.leaveTrace(a)
		})
		return nil
	}
	if !m.accounted.Load() || m.journal == nil {
		return nil
	}
	have, _, err := marks.get(tx, markKey)
	if err != nil {
		return err
	}
	var grown int64
	lengths := m.journal.lengths()
	for name, n := range lengths {
		grown += n - have[name].Bytes
	}
	if grown < markEvery {
		return nil
	}
	return m.putMark(tx, lengths)
}

// AllAccounted tells that the manifest knows the journal to its end, that the traces know no more, and that neither has to be told
// anything: so it is whenever the one before ended well, and then opening a ledger writes nothing.
func (m *Manifest) AllAccounted() (yes bool, err error) {
	t, damaged, err := m.readTraces()
	if err != nil || len(damaged) > 0 {
		return false, err
	}
	err = m.View(func(tx *Tx) error {
		a, err := tx.ledgerAccount()
		if err != nil {
			return err
		}
		if copied, err := tx.Restored(); err != nil || copied != 0 {
			return err
		}
		known := a.known()
		for account, last := range t.Accounts {
			if known[account] < last {
				return nil
			}
		}
		m.traces.mu.Lock()
		m.traces.last = t
		m.traces.mu.Unlock()
		yes, err = m.markStands(tx)
		yes = yes && m.traceStands(*a)
		return err
	})
	if yes && err == nil {
		m.accounted.Store(true)
	}
	return yes, err
}

// markStands tells whether the mark is at the end of every file of the journal.
func (m *Manifest) markStands(tx *Tx) (bool, error) {
	have, _, err := marks.get(tx, markKey)
	if err != nil {
		return false, err
	}
	lengths := m.journal.lengths()
	if len(have) != len(lengths) {
		return false, nil
	}
	for name, n := range lengths {
		head, err := readHead(filepath.Join(m.journal.dir, name))
		if err != nil || have[name].Bytes != n || !bytes.Equal(have[name].Head, head[:min(int64(len(head)), n)]) {
			return false, nil //nolint:nilerr // it is looked at again by what reads it
		}
	}
	return true, nil
}

// markJournal moves the mark when the manifest is closed, if something was spent.
func (m *Manifest) markJournal() error {
	if !m.accounted.Load() || m.poisoned.Load() != nil {
		return nil
	}
	stands := false
	err := m.View(func(tx *Tx) error {
		a, err := tx.ledgerAccount()
		if err == nil {
			stands, err = m.markStands(tx)
			stands = stands && m.traceStands(*a)
		}
		return err
	})
	if err != nil || stands {
		return err
	}
	return m.Update(func(tx *Tx) error { return m.putMark(tx, m.journal.lengths()) })
}

func (m *Manifest) putMark(tx *Tx, lengths map[string]int64) error {
	to := map[string]mark{}
	for name, n := range lengths {
		head, err := readHead(filepath.Join(m.journal.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // its folder went away: the account must not fail for that
		}
		if err != nil {
			return err
		}
		to[name] = mark{n, head[:min(int64(len(head)), n)]}
	}
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	account := *a
	tx.b.OnCommit(func() { m.leaveTrace(account) })
	return marks.put(tx, markKey, to)
}
