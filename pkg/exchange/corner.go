package exchange

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// Where in a store an edge asks, and an origin answers. Each want has a corner of its own, named by edge and id:
//
//	want     wants/EDGE/ID.dgw          written by the edge, once
//	packs    packs/EDGE/ID/HEX.dgp      written by the origin, named by the BLAKE3 of their bytes
//	answer   answers/EDGE/ID.json       written by the origin, once, after the packs that it names
const (
	wantsPrefix   = prefix + "wants/"
	answersPrefix = prefix + "answers/"
	chunksPrefix  = prefix + "packs/"

	wantSuffix   = ".dgw"
	answerSuffix = ".json"
	chunksSuffix = ".dgp"
)

const (
	// idDigits are 128 random bits, so that two edges of one name do not choose the same.
	idDigits = 32
	// clockSkew is by how much two agents' clocks may differ before one believes that the other's want is over.
	clockSkew = 10 * time.Minute
	// futureMost is how far ahead of ours a clock may be that wrote something; no time zone mistaken for UTC is further off.
	futureMost = 24 * time.Hour
)

// MaxLifetime is the longest time between a want's or an answer's Time and its Expires. Without a bound a want that an edge forgot
// would keep its packs for ever.
const MaxLifetime = 30 * 24 * time.Hour

// corner is what a want, its answer and its packs have in common.
type corner struct{ edge, id string }

func (c corner) check() error { return errors.Join(checkName("edge", c.edge), checkID(c.id)) }

func (c corner) path() string { return url.PathEscape(c.edge) + "/" + c.id }

func (c corner) wantKey() string { return wantsPrefix + c.path() + wantSuffix }

func (c corner) answerKey() string { return answersPrefix + c.path() + answerSuffix }

func (c corner) packFolder() string { return chunksPrefix + c.path() + "/" }

func (c corner) packKey(id chunker.Digest) string { return c.packFolder() + id.Hex() + chunksSuffix }

func (c corner) String() string { return fmt.Sprintf("want %s of edge %q", c.id, c.edge) }

// checkID wants an id in its one spelling.
func checkID(id string) error { return checkHex("id", id, idDigits) }

// checkHex wants so many hex digits in their one spelling.
func checkHex(what, text string, digits int) error {
	if _, err := hex.DecodeString(text); err != nil || len(text) != digits || text != strings.ToLower(text) {
		return fmt.Errorf("the %s %q is not %d lower-case hex digits", what, text, digits)
	}
	return nil
}

// cornerOf reads EDGE/ID. An edge that is escaped otherwise than we do is none of ours.
func cornerOf(path string) (c corner, ok bool) {
	escaped, id, ok := strings.Cut(path, "/")
	if !ok {
		return c, false
	}
	edge, err := url.PathUnescape(escaped)
	c = corner{edge, id}
	return c, err == nil && c.check() == nil && c.path() == path
}

// cornerOfDocument is whose want or answer a key is.
func cornerOfDocument(key, folder, suffix string) (c corner, ok bool) {
	path, in := strings.CutPrefix(key, folder)
	path, ends := strings.CutSuffix(path, suffix)
	if !in || !ends {
		return c, false
	}
	return cornerOf(path)
}

// cornerOfPack is whose pack a key is.
func cornerOfPack(key string) (c corner, id chunker.Digest, ok bool) {
	path, in := strings.CutPrefix(key, chunksPrefix)
	last := strings.LastIndexByte(path, '/')
	if !in || last < 0 {
		return c, id, false
	}
	if c, ok = cornerOf(path[:last]); !ok {
		return c, id, false
	}
	id, ok = digestOf(key, c.packFolder(), chunksSuffix)
	return c, id, ok
}

// checkSpan wants both ends in order, and not too far from each other.
func checkSpan(from, until time.Time) error {
	if err := errors.Join(checkTime(from), checkTime(until)); err != nil {
		return err
	}
	if !until.After(from) || until.Sub(from) > MaxLifetime {
		return fmt.Errorf("it is from %s and expires %s: want later, by at most %s", from.Format(time.RFC3339), until.Format(time.RFC3339), MaxLifetime)
	}
	return nil
}

func checkFuture(t, now time.Time) error {
	if t.After(now.Add(futureMost)) {
		return fmt.Errorf("it is of %s, which is more than %s after now; look at the clocks", t.Format(time.RFC3339), futureMost)
	}
	return nil
}

// expired lets something live while any clock that is nearly right says so.
func expired(expires, now time.Time) bool { return now.After(expires.Add(clockSkew)) }

// wholeSeconds is a time as documents carry it.
func wholeSeconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// readUpTo reads an object of at most so many bytes. found is false if there is none; what is read of one that is empty or too large is
// nothing.
func readUpTo(ctx context.Context, r Reader, key string, most int64) (b []byte, o store.Object, found bool, err error) {
	for attempt := 0; ; attempt++ {
		if o, err = r.Head(ctx, key); errors.Is(err, store.ErrNotFound) {
			return nil, o, false, nil
		} else if err != nil {
			return nil, o, false, err
		}
		if o.Size <= 0 || o.Size > most {
			return nil, o, true, nil
		}
		if b, err = readWhole(ctx, r, o); err == nil || !replaced(err) || attempt == maxAttempts {
			return b, o, true, err
		}
	}
}

// putOnce writes what must not be there yet. That the same bytes are there is no error: the answer to an attempt of ours may have been
// lost.
func putOnce(ctx context.Context, w Writer, key string, b []byte, contentType string) error {
	err := put(ctx, w, key, b, contentType, store.IfAbsent())
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	now, _, _, failed := readUpTo(ctx, w, key, int64(len(b)))
	if failed == nil && string(now) == string(b) {
		return nil
	}
	return err
}
