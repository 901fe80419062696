package changefeed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Container is where an account keeps its feed.
const Container = "$blobchangefeed"

// ErrNone: the account has no change feed, or it has not begun.
var ErrNone = errors.New("no change feed")

// Store is what reading a feed needs of a store.
type Store interface {
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
	Head(ctx context.Context, key string) (store.Object, error)
	ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error
}

// Cursor is how far a feed was read. The zero value is its beginning, which nobody reads from: it asks for a listing.
type Cursor struct {
	// Index is the ETag of what says how far segments may be read.
	Index string `json:"index"`
	// Segment is the last one that was read, as in "2026/11/26/1300".
	Segment string `json:"segment"`
	// Open are the segments that were read and not final, with how many events of each of their files were.
	Open map[string]map[string]int64 `json:"open,omitempty"`
}

// ParseCursor reads what [Cursor.String] made; anything else is the zero cursor.
func ParseCursor(text string) (c Cursor) {
	if json.Unmarshal([]byte(text), &c) != nil {
		return Cursor{}
	}
	return c
}

// String is its durable form.
func (c Cursor) String() string {
	b, _ := json.Marshal(c) // plain strings and numbers always encode
	return string(b)
}

const (
	indexKey       = "meta/segments.json"
	segmentsPrefix = "idx/segments/"
	segmentForm    = "2006/01/02/1504"
	// mostDays of segments are read at once: who was away for longer lists.
	mostDays = 7
	// mostJSON bounds what is read of a JSON document, mostLog what is read of one file of events.
	mostJSON = 1 << 20
	mostLog  = 1 << 30
)

// Read tells whether the feed has events about blobs of a container below a prefix after the cursor, and how far it was read. A zero cursor, or one that is
// too old, answers that something may have changed. Errors: [ErrNone], and those of the store; then the cursor stays.
func Read(ctx context.Context, s Store, container, prefix string, c Cursor) (changed bool, next Cursor, err error) {
	o, err := s.Head(ctx, indexKey)
	if errors.Is(err, store.ErrNotFound) {
		return true, c, fmt.Errorf("%w: %s has no %s; enable the change feed of the account, and wait some minutes", ErrNone, Container, indexKey)
	}
	if err != nil || o.ETag == c.Index {
		return false, c, err
	}
	var index struct {
		LastConsumable time.Time `json:"lastConsumable"`
	}
	if err := readJSON(ctx, s, o, &index); err != nil {
		return true, c, err
	}
	last := index.LastConsumable.UTC()
	next = Cursor{Index: o.ETag, Segment: last.Format(segmentForm)}
	from, known := timeOf(c.Segment)
	if !known || last.Sub(from) > mostDays*24*time.Hour || next.Segment < c.Segment {
		return true, next, nil
	}
	r := reader{Store: s, ctx: ctx, subject: "/blobServices/default/containers/" + container + "/blobs/" + prefix}
	for day := from; !day.After(last) || day.Format("2006/01/02") == last.Format("2006/01/02"); day = day.AddDate(0, 0, 1) {
		segments, err := r.segments(day)
		if err != nil {
			return true, c, err
		}
		for _, seg := range segments {
			read, open := c.Open[seg.at]
			if seg.at > next.Segment || seg.at <= c.Segment && !open {
				continue
			}
			counts, final, err := r.segment(seg.Object, read)
			if errors.Is(err, store.ErrChanged) {
				return true, c, nil // it was appended to while it was read
			}
			if err != nil {
				return true, c, fmt.Errorf("segment %s of the change feed: %w", seg.at, err)
			}
			if !final {
				if next.Open == nil {
					next.Open = map[string]map[string]int64{}
				}
				next.Open[seg.at] = counts
			}
		}
	}
	return r.found, next, nil
}

// timeOf a segment is in its name.
func timeOf(segment string) (t time.Time, ok bool) {
	t, err := time.Parse(segmentForm, segment)
	return t, err == nil
}

// reader reads segments.
type reader struct {
	Store
	ctx     context.Context
	subject string // of the events that count
	found   bool
}

type segment struct {
	at string
	store.Object
}

// segments of a day, in order.
func (r *reader) segments(day time.Time) (list []segment, err error) {
	prefix := segmentsPrefix + day.Format("2006/01/02/")
	err = r.each(prefix, func(o store.Object) error {
		at, is := strings.CutSuffix(strings.TrimPrefix(o.Key, segmentsPrefix), "/meta.json")
		if _, named := timeOf(at); is && named {
			list = append(list, segment{at, o})
		}
		return nil
	})
	return list, err
}

func (r *reader) each(prefix string, f func(store.Object) error) error {
	for token := ""; ; {
		page, err := r.List(r.ctx, store.ListOptions{Prefix: prefix, Token: token})
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if err := f(o); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// segment looks through what was not read of one. counts are the events of each file.
func (r *reader) segment(o store.Object, read map[string]int64) (counts map[string]int64, final bool, err error) {
	var meta struct {
		Status         string   `json:"status"`
		ChunkFilePaths []string `json:"chunkFilePaths"`
	}
	if err := readJSON(r.ctx, r, o, &meta); err != nil {
		return nil, false, err
	}
	final = meta.Status == "Finalized"
	counts = map[string]int64{}
	for _, folder := range meta.ChunkFilePaths {
		folder = strings.TrimPrefix(folder, Container+"/")
		if !strings.HasPrefix(folder, "log/") || !strings.HasSuffix(folder, "/") {
			return nil, false, fmt.Errorf("%q is no folder of a log", folder)
		}
		err := r.each(folder, func(o store.Object) error {
			if r.found && final || !strings.HasSuffix(o.Key, ".avro") {
				return nil // nobody needs to know more, or how many there are
			}
			n, err := r.log(o, read[o.Key])
			counts[o.Key] = n
			return err
		})
		if err != nil {
			return nil, false, err
		}
	}
	return counts, final, nil
}

func readJSON(ctx context.Context, s Store, o store.Object, v any) error {
	if o.Size <= 0 || o.Size > mostJSON {
		return fmt.Errorf("%s has %d bytes, want 1 to %d", o.Key, o.Size, mostJSON)
	}
	b := make([]byte, o.Size)
	if err := s.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	return nil
}
