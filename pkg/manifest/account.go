package manifest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"
)

// accounts has one record. It stands in the meta bucket.
var (
	accounts   = table[account]{bucket: "meta"}
	accountKey = []byte("account")
)

// account is what the manifest knows about its ledger as a whole. It is written in every transaction that changes one of
// the sealed tables: reservations, windows, meters, spending, what people decided, what bills added, pins and grants. A checksum on each record tells that what is there is right; only a
// sum over all of them tells that nothing is gone, and a budget's window that is gone would let the budget be spent again.
type account struct {
	// ID names this account in the journal. A manifest that was made anew has another one, and counts from 1 again.
	ID string `cbor:"1,keyasint"`
	// Records and Sum are the number of records in the sealed tables, and the sum of their checksums modulo 2^64.
	Records int64  `cbor:"2,keyasint"`
	Sum     uint64 `cbor:"3,keyasint"`
	// LastID is the highest id of a reservation so far.
	LastID uint64 `cbor:"4,keyasint"`
	// Month is what schema 2 kept in place of Clock.
	Month string `cbor:"5,keyasint,omitempty"`
	// Others are accounts of manifests that were lost, with the highest id of theirs that was taken over from the journal.
	Others map[string]uint64 `cbor:"6,keyasint,omitempty"`
	// Clock is the latest time that the ledger was in, to the quarter of an hour: a clock that jumps back opens no earlier window.
	Clock Millis `cbor:"7,keyasint,omitempty"`
	// TakenOver is the highest id of this account itself that a journal or a doubt told of: up to there all is known or given up, though
	// this manifest did not give out all of them.
	TakenOver uint64 `cbor:"8,keyasint,omitempty"`
	// Marks are, by store, how far it said there that it has granted, see [Tx.GrantMarks].
	Marks map[string][]GrantMark `cbor:"9,keyasint,omitempty"`
}

// clockStep: in every time zone in use days begin at a full quarter of an hour (UTC), so that no window begins within one. What is not
// remembered of a time therefore decides nothing, and most transactions need not write it.
const clockStep = Millis(15 * 60 * 1000)

func newAccount() account {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return account{ID: hex.EncodeToString(id[:])}
}

// ledgerAccount returns the transaction's view of the account.
func (tx *Tx) ledgerAccount() (*account, error) {
	if tx.account == nil {
		a, ok, err := accounts.get(tx, accountKey)
		if err == nil && !ok {
			err = fmt.Errorf("%w: %s/%q is missing; %s", ErrCorrupt, accounts.bucket, accountKey, restoreHint)
		}
		if err != nil {
			return nil, err
		}
		tx.account = &a
	}
	return tx.account, nil
}

// ID names the manifest, beside others that use the same stores. One that is made anew has another.
func (tx *Tx) ID() (string, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return "", err
	}
	return a.ID, nil
}

// reseal replaces a record of a sealed table in the account; nil stands for none.
func (tx *Tx) reseal(before, after []byte) error {
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	a.seal(before, -1)
	a.seal(after, 1)
	tx.changed = true
	return nil
}

// seal adds a stored record, or takes it away.
func (a *account) seal(stored []byte, sign int64) {
	if len(stored) < 4 {
		return
	}
	a.Records += sign
	a.Sum += uint64(sign) * uint64(binary.BigEndian.Uint32(stored))
}

// putAccount writes what a transaction changed of it.
func (m *Manifest) putAccount(tx *Tx) error {
	if !tx.changed {
		return nil
	}
	if err := m.moveMark(tx); err != nil {
		return err
	}
	return accounts.put(tx, accountKey, *tx.account)
}

// checkAccount reads the sealed tables whole and compares them with the account. They are small: a window and some days for each
// budget, a meter for each pool and month, the reservations that are open, approvals, resets, what bills added, the pins, and the grants.
func (m *Manifest) checkAccount() (a account, err error) {
	err = m.View(func(tx *Tx) error {
		if err := checkAccountIn(tx); err != nil {
			return err
		}
		a = *tx.account
		return nil
	})
	return a, err
}

func checkAccountIn(tx *Tx) error {
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	found := account{}
	err = errors.Join(
		sealAll(tx, &found, reservations), sealAll(tx, &found, windows), sealAll(tx, &found, meters), sealAll(tx, &found, spending),
		sealAll(tx, &found, approvals), sealAll(tx, &found, doubts), sealAll(tx, &found, resets), sealAll(tx, &found, pins), sealAll(tx, &found, billed),
		sealAll(tx, &found, heldGrants), sealAll(tx, &found, givenGrants),
	)
	if err != nil {
		return err
	}
	if found.Records != a.Records || found.Sum != a.Sum {
		return fmt.Errorf("%w: the account has %d records of reservations, windows, meters, spending, decisions, pins, billed lines and grants, and should have %d (sum %016x, want %016x); %s",
			ErrCorrupt, found.Records, a.Records, found.Sum, a.Sum, restoreHint)
	}
	return nil
}

func sealAll[V any](tx *Tx, into *account, t table[V]) error {
	return t.scan(tx, nil, nil, func(k []byte, _ V) (bool, error) {
		stored, err := t.stored(tx, k)
		into.seal(stored, 1)
		return err == nil, err
	})
}

// NextReservation returns a fresh id: no reservation of this account had it before.
func (tx *Tx) NextReservation() (uint64, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return 0, err
	}
	a.LastID++
	tx.changed = true
	return a.LastID, nil
}

// take records that everything up to an id of an account is known, or was given up for good.
func (a *account) take(account string, id uint64) {
	if account == a.ID {
		if id > a.LastID {
			a.LastID, a.TakenOver = id, id
		}
		return
	}
	if a.Others == nil {
		a.Others = map[string]uint64{}
	}
	a.Others[account] = max(a.Others[account], id)
}

// known is, by account, the id up to which everything is.
func (a *account) known() map[string]uint64 {
	out := map[string]uint64{a.ID: a.LastID}
	maps.Copy(out, a.Others)
	return out
}

// LedgerTime is the time that the ledger is in when the clock says `now`: never an earlier one than was passed before, whatever the
// clock does.
func (tx *Tx) LedgerTime(now Millis) (Millis, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return 0, err
	}
	return max(now, a.Clock), nil
}

// PassTime remembers, to the quarter of an hour, that the ledger was in a time, and returns its time as LedgerTime does.
func (tx *Tx) PassTime(now Millis) (Millis, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return 0, err
	}
	if step := now - now%clockStep; step > a.Clock {
		a.Clock = step
		tx.changed = true
	}
	return max(now, a.Clock), nil
}

// clockOfMonth turns the month that schema 2 kept into a time.
func clockOfMonth(b *bolt.Tx) error {
	tx := &Tx{b: b}
	a, err := tx.ledgerAccount()
	if err != nil || a.Month == "" {
		return err
	}
	at, err := time.Parse("2006-01", a.Month)
	if err != nil {
		return fmt.Errorf("%w: the account is in month %q; %s", ErrCorrupt, a.Month, restoreHint)
	}
	a.Clock, a.Month = max(a.Clock, At(at)), ""
	return accounts.put(tx, accountKey, *a)
}
