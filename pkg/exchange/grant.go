package exchange

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

const (
	grantKind = "grant"
	grantHint = "ask for another grant"

	// accountDigits are 64 bits, which name a ledger.
	accountDigits = 16
)

// Grant is an origin's answer to a request: what the edge may read, or why it may not.
type Grant struct {
	Datagravity int    `json:"datagravity"` // format version, 1; [PutGrant] sets it
	Kind        string `json:"kind"`        // "grant"; PutGrant sets it
	ID          string `json:"id"`          // of the request
	Edge        string `json:"edge"`        // that asked
	Dataset     string `json:"dataset"`
	Origin      string `json:"origin"`  // the agent that grants
	Account     string `json:"account"` // of the origin's ledger: 16 lower-case hex digits
	// Sequence grows with each grant of the account, from 1.
	Sequence uint64 `json:"sequence"`
	// Bytes and Requests are granted, and NanoUSD is what the origin has set aside for them. All are 0 if it refuses.
	Bytes    int64          `json:"bytes"`
	Requests int64          `json:"requests"`
	NanoUSD  int64          `json:"nano_usd"`
	Refused  string         `json:"refused,omitempty"` // why nothing is granted; at most 1 KiB of printable text
	Time     time.Time      `json:"time"`              // of granting, by the origin's clock; UTC, whole seconds
	Expires  time.Time      `json:"expires"`           // until when it can be used; at most [MaxLifetime] later
	Check    chunker.Digest `json:"check,omitzero"`
}

func (g *Grant) corner() corner { return corner{g.Edge, g.ID} }

func (g *Grant) kinds() (string, string, int) { return grantKind, g.Kind, g.Datagravity }

func (g *Grant) written() time.Time { return g.Time }

func (g *Grant) checksum() *chunker.Digest { return &g.Check }

func (g *Grant) checkFields() error {
	var amounts error
	switch {
	case g.Sequence == 0:
		amounts = errors.New("it has no sequence")
	case g.Refused == "":
		amounts = checkUse(g.Bytes, g.Requests, g.NanoUSD, 1)
	case g.Bytes != 0 || g.Requests != 0 || g.NanoUSD != 0:
		amounts = errors.New("it refuses and grants at the same time")
	}
	return errors.Join(amounts, g.corner().check(), checkName("dataset", g.Dataset), checkName("origin", g.Origin),
		checkHex("account", g.Account, accountDigits), checkGrantText("refusal", g.Refused, false), checkSpan(g.Time, g.Expires))
}

// PutGrant writes a grant, which must not be there yet, when what it grants is set aside. The same once more is no error. Times are cut to
// whole seconds. Errors: the store's, [store.ErrConflict] if another grant of that id is there, and what is wrong with the grant.
func PutGrant(ctx context.Context, w Writer, g Grant) error {
	g.Datagravity, g.Kind = version, grantKind
	g.Time, g.Expires = wholeSeconds(g.Time), wholeSeconds(g.Expires)
	return putGrantPaper(ctx, w, &g, corner.grantKey)
}

// ReadGrant reads the answer to a request; false if there is none yet. Whether it has expired, and whether it is about the dataset that
// was asked for, is the caller's to compare. Errors: the store's, and [ErrBad], for one that was written more than a day before its time,
// too.
func ReadGrant(ctx context.Context, r Reader, edge, id string) (Grant, bool, error) {
	return readGrantPaper[Grant](ctx, r, edge, id, grantHint, corner.grantKey)
}
