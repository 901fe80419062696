package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	markKind = "ledger"
	markHint = "make sure that the origin's ledger is its latest, then remove the object"
	markKey  = prefix + "ledger.json"
)

// LedgerMark says which ledger grants, and how far it has got. An origin whose own ledger is another one, or has not got as far, must not
// grant: it was put back from a copy, and does not know of all that was granted.
type LedgerMark struct {
	Datagravity int            `json:"datagravity"` // format version, 1; [PutLedgerMark] sets it
	Kind        string         `json:"kind"`        // "ledger"; PutLedgerMark sets it
	Origin      string         `json:"origin"`      // the agent that grants
	Account     string         `json:"account"`     // of its ledger: 16 lower-case hex digits
	Sequence    uint64         `json:"sequence"`    // the last one granted under, 0 if none was
	Time        time.Time      `json:"time"`        // of writing, by the origin's clock; UTC, whole seconds
	Check       chunker.Digest `json:"check,omitzero"`
}

func (m *LedgerMark) kinds() (string, string, int) { return markKind, m.Kind, m.Datagravity }

func (m *LedgerMark) written() time.Time { return m.Time }

func (m *LedgerMark) checksum() *chunker.Digest { return &m.Check }

func (m *LedgerMark) checkFields() error {
	return errors.Join(checkName("origin", m.Origin), checkHex("account", m.Account, accountDigits), checkTime(m.Time))
}

// ReadLedgerMark reads the mark and tells the object that it was read from; false if there is none. Errors: the store's, and [ErrBad], for
// one that was written more than a day before its time, too: found is true then, and at the object that stands there.
func ReadLedgerMark(ctx context.Context, r Reader) (m LedgerMark, at store.Object, found bool, err error) {
	at, found, err = readPaper(ctx, r, markKey, markHint, &m)
	if err != nil && !errors.Is(err, ErrBad) {
		err = fmt.Errorf("read the mark of the ledger: %w", err)
	}
	if err != nil || !found {
		m = LedgerMark{}
	}
	return m, at, found, err
}

// PutLedgerMark writes the mark, if before is still what stands there; or nothing does, if it was not found. The same once more is no error.
// The time is cut to whole seconds. Errors: the store's, [ErrRaced] if another one is there, and what is wrong with m.
func PutLedgerMark(ctx context.Context, w Writer, m LedgerMark, before store.Object, found bool) error {
	m.Datagravity, m.Kind, m.Time = version, markKind, wholeSeconds(m.Time)
	b, err := encodePaper(&m)
	if err == nil {
		condition := store.IfAbsent()
		if found {
			condition = store.IfMatch(before.ETag)
		}
		err = put(ctx, w, markKey, b, jsonType, condition)
	}
	if errors.Is(err, store.ErrConflict) {
		now, _, _, failed := readDocument(ctx, w, markKey)
		if failed == nil && bytes.Equal(now, b) {
			return nil // the answer to an attempt of ours was lost
		}
		err = fmt.Errorf("%w: read it again: %w", ErrRaced, err)
	}
	if err != nil {
		return fmt.Errorf("write the mark of the ledger: %w", err)
	}
	return nil
}
