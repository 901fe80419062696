package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	claimKind = "claim"
	claimHint = "ask for another grant; this one counts as used"

	// nonceDigits are 128 random bits: no two claims have the same.
	nonceDigits = 32
)

// Claim decides about a grant, once and for all: whoever writes it first has the grant.
type Claim struct {
	Datagravity int    `json:"datagravity"` // format version, 1; [PutClaim] sets it
	Kind        string `json:"kind"`        // "claim"; PutClaim sets it
	ID          string `json:"id"`          // of the grant
	Edge        string `json:"edge"`
	Nonce       string `json:"nonce"` // of who claims: 32 lower-case hex digits, at random
	// Revoked is the origin's claim: nobody uses the grant.
	Revoked bool           `json:"revoked,omitempty"`
	Time    time.Time      `json:"time"` // of claiming, by the clock of who claims; UTC, whole seconds
	Check   chunker.Digest `json:"check,omitzero"`
}

func (c *Claim) corner() corner { return corner{c.Edge, c.ID} }

func (c *Claim) kinds() (string, string, int) { return claimKind, c.Kind, c.Datagravity }

func (c *Claim) written() time.Time { return c.Time }

func (c *Claim) checksum() *chunker.Digest { return &c.Check }

func (c *Claim) checkFields() error {
	return errors.Join(c.corner().check(), checkHex("nonce", c.Nonce, nonceDigits), checkTime(c.Time))
}

// PutClaim claims a grant, and returns the claim that stands: c, or that of who was first. The caller compares the nonces. The time is cut
// to whole seconds.
//
// An edge that holds the claim reads the grant once more before it uses it: what is gone was claimed before and removed since.
//
// With an error nothing is known; to claim again, under the same nonce, is safe. Errors: the store's, what is wrong with c, and [ErrBad] if
// a claim stands there that cannot be read.
func PutClaim(ctx context.Context, w Writer, c Claim) (holder Claim, err error) {
	c.Datagravity, c.Kind, c.Time = version, claimKind, wholeSeconds(c.Time)
	b, err := encodePaper(&c)
	if err == nil {
		err = put(ctx, w, c.corner().claimKey(), b, jsonType, store.IfAbsent())
		if err == nil {
			return c, nil
		}
		// Whatever the error is, it may have been written, or another one: the claim that stands there says who has the grant.
		holder, found, failed := ReadClaim(ctx, w, c.Edge, c.ID)
		switch {
		case failed == nil && found:
			return holder, nil
		case failed != nil && (errors.Is(failed, ErrBad) || errors.Is(err, store.ErrConflict)):
			err = failed
		}
	}
	return Claim{}, fmt.Errorf("write %s: %w", c.corner().of(claimKind), err)
}

// ReadClaim reads who has a grant; false if nobody has claimed it yet. Errors: the store's, and [ErrBad], for one that was written more
// than a day before its time, too.
func ReadClaim(ctx context.Context, r Reader, edge, id string) (Claim, bool, error) {
	return readGrantPaper[Claim](ctx, r, edge, id, claimHint, corner.claimKey)
}
