package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	answerKind = "answer"
	answerHint = "withdraw the want and ask again"

	// maxAnswerPacks are 1 TiB in packs of 64 MiB.
	maxAnswerPacks = 16 << 10
	// maxAnswerBytes is maxAnswerPacks of some 110 bytes each, and more.
	maxAnswerBytes = 4 << 20
)

// Answer says that an origin has done for a want what it will do.
type Answer struct {
	Datagravity int            `json:"datagravity"` // format version, 1; [Reply] sets it
	Kind        string         `json:"kind"`        // "answer"; Reply sets it
	Want        string         `json:"want"`        // its id
	Edge        string         `json:"edge"`        // that asked
	Dataset     string         `json:"dataset"`
	Snapshot    chunker.Digest `json:"snapshot"` // whose chunks they are, as in the want
	// Packs in the order in which they are to be read. None: packing does not pay, the edge reads ranges of shards.
	Packs        []PackRef      `json:"packs"`
	ContentBytes int64          `json:"content_bytes"` // of the chunks in the packs, before compression
	Chunks       int64          `json:"chunks"`        // in the packs
	Time         time.Time      `json:"time"`          // of answering, by the origin's clock; UTC, whole seconds
	Expires      time.Time      `json:"expires"`       // until when the packs are kept; at most [MaxLifetime] later
	Check        chunker.Digest `json:"check,omitzero"`
}

func (a Answer) corner() corner { return corner{a.Edge, a.Want} }

// check tells what is wrong with it, or nil.
func (a *Answer) check() error {
	switch {
	case a.Snapshot.IsZero():
		return errors.New("it names no snapshot")
	case a.Packs == nil || len(a.Packs) > maxAnswerPacks:
		return fmt.Errorf("it has no list of packs, or %d of them; the most is %d", len(a.Packs), maxAnswerPacks)
	case a.ContentBytes < 0 || a.Chunks < 0:
		return fmt.Errorf("%d chunks of %d bytes", a.Chunks, a.ContentBytes)
	}
	seen := make(map[chunker.Digest]bool, len(a.Packs))
	for _, p := range a.Packs {
		if err := p.check(); err != nil {
			return err
		}
		if seen[p.Digest] {
			return fmt.Errorf("pack %s stands there twice", p.Digest)
		}
		seen[p.Digest] = true
	}
	return errors.Join(a.corner().check(), checkName("dataset", a.Dataset), checkSpan(a.Time, a.Expires))
}

// encode seals it as seal does, with another limit.
func (a *Answer) encode() ([]byte, error) {
	a.Check = chunker.Digest{}
	b, err := textOf(a)
	if err != nil {
		return nil, err
	}
	a.Check = chunker.Sum(b)
	if b, err = textOf(a); err == nil && len(b) > maxAnswerBytes {
		err = fmt.Errorf("an answer of %d bytes, the most is %d", len(b), maxAnswerBytes)
	}
	return b, err
}

// decodeAnswer reads what encode wrote and nothing else.
func decodeAnswer(b []byte) (a Answer, err error) {
	if err := checkKind(b, answerKind); err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return Answer{}, fmt.Errorf("it is malformed: %w", err)
	}
	told := a.Check
	again, err := a.encode()
	switch {
	case err != nil:
	case told != a.Check:
		err = errors.New("its checksum does not match, it is damaged")
	case !bytes.Equal(again, b):
		err = errors.New("it is not written as this version writes it")
	default:
		err = a.check()
	}
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// Reply writes an answer, which must not be there yet, when all packs that it names are written. The same answer once more is no error.
// Times are cut to whole seconds. Errors: the store's, [store.ErrConflict] if another answer is there, and what is wrong with the answer.
func Reply(ctx context.Context, w Writer, a Answer) error {
	a.Datagravity, a.Kind = version, answerKind
	a.Time, a.Expires = wholeSeconds(a.Time), wholeSeconds(a.Expires)
	if a.Packs == nil {
		a.Packs = []PackRef{}
	}
	err := a.check()
	if err == nil {
		var b []byte
		if b, err = a.encode(); err == nil {
			err = putOnce(ctx, w, a.corner().answerKey(), b, jsonType)
		}
	}
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("another answer is there: %w", err)
	}
	if err != nil {
		return fmt.Errorf("answer %s: %w", a.corner(), err)
	}
	return nil
}

// Answered reads the answer to a want; false if there is none yet. Whether it has expired, and whether it is about the dataset and the
// snapshot that were asked for, is the caller's to compare. Errors: the store's, and [ErrBad], for one that was written more than a day
// before its time, too.
func Answered(ctx context.Context, r Reader, edge, id string) (Answer, bool, error) {
	c := corner{edge, id}
	if err := c.check(); err != nil {
		return Answer{}, false, fmt.Errorf("read an answer: %w", err)
	}
	key := c.answerKey()
	b, o, found, err := readUpTo(ctx, r, key, maxAnswerBytes)
	if err != nil || !found {
		if err != nil {
			err = fmt.Errorf("read the answer to %s: %w", c, err)
		}
		return Answer{}, false, err
	}
	if b == nil {
		return Answer{}, false, bad(key, answerHint, "it has %d bytes, an answer has 1 to %d", o.Size, maxAnswerBytes)
	}
	a, err := decodeAnswer(b)
	if err == nil && a.corner() != c {
		err = fmt.Errorf("it is about %s", a.corner())
	}
	if err == nil && !o.Modified.IsZero() {
		err = checkFuture(a.Time, o.Modified) // the store's clock
	}
	if err != nil {
		return Answer{}, false, bad(key, answerHint, "%w", err)
	}
	return a, true, nil
}
