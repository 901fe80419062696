package exchange

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

const (
	settlementKind = "settlement"
	settlementHint = "all that was granted counts as used"
)

// Settlement is what an edge used of a grant that it had claimed. After it the edge uses no more.
type Settlement struct {
	Datagravity int            `json:"datagravity"` // format version, 1; [PutSettlement] sets it
	Kind        string         `json:"kind"`        // "settlement"; PutSettlement sets it
	ID          string         `json:"id"`          // of the grant
	Edge        string         `json:"edge"`
	Nonce       string         `json:"nonce"` // of the claim
	Bytes       int64          `json:"bytes"` // on the wire
	Requests    int64          `json:"requests"`
	NanoUSD     int64          `json:"nano_usd"` // as the edge reckons
	Time        time.Time      `json:"time"`     // of settling, by the edge's clock; UTC, whole seconds
	Check       chunker.Digest `json:"check,omitzero"`
}

func (s *Settlement) corner() corner { return corner{s.Edge, s.ID} }

func (s *Settlement) kinds() (string, string, int) { return settlementKind, s.Kind, s.Datagravity }

func (s *Settlement) written() time.Time { return s.Time }

func (s *Settlement) checksum() *chunker.Digest { return &s.Check }

func (s *Settlement) checkFields() error {
	return errors.Join(s.corner().check(), checkHex("nonce", s.Nonce, nonceDigits), checkUse(s.Bytes, s.Requests, s.NanoUSD, 0),
		checkTime(s.Time))
}

// PutSettlement writes what was used of a grant, once. The same once more is no error. The time is cut to whole seconds. Errors: the
// store's, [store.ErrConflict] if another settlement of that grant is there, and what is wrong with s.
func PutSettlement(ctx context.Context, w Writer, s Settlement) error {
	s.Datagravity, s.Kind, s.Time = version, settlementKind, wholeSeconds(s.Time)
	return putGrantPaper(ctx, w, &s, corner.settlementKey)
}

// ReadSettlement reads what was used of a grant; false if that was not written yet. Whether it is that of the claim, and not of more than
// was granted, is the caller's to compare. Errors: the store's, and [ErrBad], for one that was written more than a day before its time,
// too.
func ReadSettlement(ctx context.Context, r Reader, edge, id string) (Settlement, bool, error) {
	return readGrantPaper[Settlement](ctx, r, edge, id, settlementHint, corner.settlementKey)
}
