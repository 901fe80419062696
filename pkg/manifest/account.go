package manifest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// accounts has one record. It stands in the meta bucket.
var (
	accounts   = table[account]{bucket: "meta"}
	accountKey = []byte("account")
)

// account is what the manifest knows about its ledger as a whole. It is written in every transaction that changes one of
// the sealed tables: reservations, windows, meters, pins and billed lines. A checksum on each record tells that what is there is right; only a
// sum over all of them tells that nothing is gone, and a budget's window that is gone would let the budget be spent again.
type account struct {
	// ID names this account in the journal. A manifest that was made anew has another one, and counts from 1 again.
	ID string `cbor:"1,keyasint"`
	// Records and Sum are the number of records in the sealed tables, and the sum of their checksums modulo 2^64.
	Records int64  `cbor:"2,keyasint"`
	Sum     uint64 `cbor:"3,keyasint"`
	// LastID is the highest id of a reservation so far.
	LastID uint64 `cbor:"4,keyasint"`
	// Month is the latest that a reservation was made in; a clock that jumps back does not open an earlier one.
	Month string `cbor:"5,keyasint"`
	// Others are accounts of manifests that were lost, with the highest id of theirs that was taken over from the journal.
	Others map[string]uint64 `cbor:"6,keyasint,omitempty"`
}

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

// checkAccount reads the sealed tables whole and compares them with the account. They are small: a window for each budget
// and month, a meter for each pool and month, the reservations that are open, the pins, and what bills added.
func (m *Manifest) checkAccount() (a account, err error) {
	err = m.View(func(tx *Tx) error {
		stored, err := tx.ledgerAccount()
		if err != nil {
			return err
		}
		a = *stored
		found := account{}
		if err := sealAll(tx, &found, reservations); err != nil {
			return err
		}
		if err := sealAll(tx, &found, windows); err != nil {
			return err
		}
		if err := sealAll(tx, &found, meters); err != nil {
			return err
		}
		if err := sealAll(tx, &found, pins); err != nil {
			return err
		}
		if err := sealAll(tx, &found, billed); err != nil {
			return err
		}
		if found.Records != a.Records || found.Sum != a.Sum {
			return fmt.Errorf("%w: the account has %d records of reservations, windows, meters, pins and billed lines, and should have %d (sum %016x, want %016x); %s",
				ErrCorrupt, found.Records, a.Records, found.Sum, a.Sum, restoreHint)
		}
		return nil
	})
	return a, err
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

// LedgerMonth is the month that the ledger is in when the clock says `now` ("2026-11"): never an earlier one than it was
// in before. In an Update it is remembered.
func (tx *Tx) LedgerMonth(now string) (string, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return "", err
	}
	if now > a.Month && tx.b.Writable() {
		a.Month = now
		tx.changed = true
	}
	return max(now, a.Month), nil
}
