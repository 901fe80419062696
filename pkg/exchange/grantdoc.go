package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// Where in a store an edge asks for a grant, and an origin grants. As a want does, each has a corner of its own:
//
//	request      asks/EDGE/ID.ask.json        written by the edge, once
//	grant        grants/EDGE/ID.json          written by the origin, once
//	claim        asks/EDGE/ID.claim.json      written by the edge or the origin, whoever is first
//	settlement   asks/EDGE/ID.settled.json    written by the edge, once
const (
	asksPrefix   = prefix + "asks/"
	grantsPrefix = prefix + "grants/"

	requestSuffix    = ".ask.json"
	claimSuffix      = ".claim.json"
	settlementSuffix = ".settled.json"
	grantSuffix      = ".json"
)

// maxGrantTextBytes bounds each text of a grant's documents that is no segment of a key, so that together they fit into one.
const maxGrantTextBytes = 1 << 10

func (c corner) requestKey() string { return asksPrefix + c.path() + requestSuffix }

func (c corner) claimKey() string { return asksPrefix + c.path() + claimSuffix }

func (c corner) settlementKey() string { return asksPrefix + c.path() + settlementSuffix }

func (c corner) grantKey() string { return grantsPrefix + c.path() + grantSuffix }

// grantKeys are in the order in which they are removed. The grant is the first: whoever has claimed it looks whether it is still there.
// The claim is the last: while the grant is there nobody can claim it a second time.
func (c corner) grantKeys() []string {
	return []string{c.grantKey(), c.requestKey(), c.settlementKey(), c.claimKey()}
}

// of names a document in messages.
func (c corner) of(kind string) string { return fmt.Sprintf("%s %s of edge %q", kind, c.id, c.edge) }

// paper is a document that grants or accounts.
type paper interface {
	// kinds is the kind that it is, what it says that it is, and in which version.
	kinds() (want, kind string, datagravity int)
	written() time.Time
	checksum() *chunker.Digest
	// checkFields tells what is wrong with it beside those, or nil.
	checkFields() error
}

// checkPaper tells what is wrong with it, or nil.
func checkPaper(p paper) error {
	want, kind, datagravity := p.kinds()
	if datagravity != version || kind != want {
		return fmt.Errorf("it is no %s of version %d", want, version)
	}
	return p.checkFields()
}

func encodePaper(p paper) ([]byte, error) {
	if err := checkPaper(p); err != nil {
		return nil, err
	}
	return seal(p, p.checksum())
}

// decodePaper reads what encodePaper wrote and nothing else.
func decodePaper(b []byte, p paper) error {
	want, _, _ := p.kinds()
	if err := unseal(b, want, p, p.checksum()); err != nil {
		return err
	}
	return checkPaper(p)
}

// readPaper reads the document under a key. With [ErrBad] found is true, and the object stands there.
func readPaper(ctx context.Context, r Reader, key, hint string, p paper) (o store.Object, found bool, err error) {
	kind, _, _ := p.kinds()
	b, o, found, err := readDocument(ctx, r, key)
	switch {
	case err != nil || !found:
		return o, false, err
	case b == nil:
		return o, true, bad(key, hint, "it has %d bytes, a %s has 1 to %d", o.Size, kind, maxDocumentBytes)
	}
	err = decodePaper(b, p)
	if err == nil && !o.Modified.IsZero() {
		err = checkFuture(p.written(), o.Modified) // the store's clock
	}
	if err != nil {
		return o, true, bad(key, hint, "%w", err)
	}
	return o, true, nil
}

// grantPaper is one of a corner.
type grantPaper interface {
	paper
	corner() corner
}

// readGrantPaper reads one of the corner of an edge and an id; false if there is none.
func readGrantPaper[T any, P interface {
	*T
	grantPaper
}](ctx context.Context, r Reader, edge, id, hint string, key func(corner) string) (T, bool, error) {
	var none, doc T
	kind, _, _ := P(&doc).kinds()
	c := corner{edge, id}
	if err := c.check(); err != nil {
		return none, false, fmt.Errorf("read a %s: %w", kind, err)
	}
	_, found, err := readPaper(ctx, r, key(c), hint, P(&doc))
	if is := P(&doc).corner(); err == nil && found && is != c {
		err = bad(key(c), hint, "it is %s", is.of(kind))
	}
	if err != nil && !errors.Is(err, ErrBad) {
		err = fmt.Errorf("read %s: %w", c.of(kind), err)
	}
	if err != nil || !found {
		return none, false, err
	}
	return doc, true, nil
}

// putGrantPaper writes one that must not be there yet. The same once more is no error.
func putGrantPaper(ctx context.Context, w Writer, p grantPaper, key func(corner) string) error {
	kind, _, _ := p.kinds()
	b, err := encodePaper(p)
	if err == nil {
		err = putOnce(ctx, w, key(p.corner()), b, jsonType)
	}
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("another one is there: %w", err)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p.corner().of(kind), err)
	}
	return nil
}

// checkGrantText wants a printable text that is not too long, and one at all where it is needed.
func checkGrantText(what, text string, needed bool) error {
	switch {
	case needed && text == "":
		return fmt.Errorf("it names no %s", what)
	case len(text) > maxGrantTextBytes:
		return fmt.Errorf("the %s has %d bytes, the most is %d", what, len(text), maxGrantTextBytes)
	}
	return checkText(what, text)
}

// checkUse wants amounts that are not below what they can be.
func checkUse(bytes, requests, nanoUSD, least int64) error {
	if bytes < least || requests < least || nanoUSD < 0 {
		return fmt.Errorf("it is of %d bytes, %d requests and %d nano USD, want at least %d, %d and 0", bytes, requests, nanoUSD, least, least)
	}
	return nil
}
