package sync

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/changefeed"
)

// Watch is how it is found out that a source changed. Object stores list nothing conditionally: only one object can be asked whether it is as it was.
type Watch struct {
	// Every is how often the source is looked at; 0: as often as whoever looks does by himself.
	Every time.Duration
	// Marker is the path of an object that the source's writer changes last; "": none.
	Marker string
	// Feed opens the change feed of the source's account, in which the source is the container of that name; nil: none.
	Feed      func(ctx context.Context) (store.Store, error)
	Container string
	// FullEvery is how old the last listing may become; 0: every look is one.
	FullEvery time.Duration
	// Index has the dataset be kept indexed while nobody wants it.
	Index bool
}

// spares tells whether a look may do without a listing.
func (w Watch) spares() bool { return (w.Marker != "" || w.Feed != nil) && w.FullEvery > 0 }

// Purpose of looking at a source. Each remembers by itself what it saw: what one has taken in another may not have.
type Purpose int

// The purposes.
const (
	ForJobs  Purpose = iota // jobs wait for something to change there
	ForIndex                // it is kept indexed
)

// of is what a purpose remembers of a dataset.
func (p Purpose) of(d *manifest.Dataset) *manifest.Watched {
	if p == ForIndex {
		return &d.Kept
	}
	return &d.Looked
}

// News is the answer to a look at a source.
type News struct {
	// Changed: it is to be listed.
	Changed bool
	// Why in a few words, for the log.
	Why string

	purpose Purpose
	seen    manifest.Watched
	keeps   bool
}

// News asks whether a source may have changed since [Syncer.Listed] was told that it was listed. Where nothing says so it costs a request or two, and is
// reserved like a listing. Errors: [cost.ErrBudget], [cost.ErrPaused], and those of the stores; with an error the source may have changed.
func (s *Syncer) News(ctx context.Context, src Source, w Watch, purpose Purpose) (News, error) {
	if !w.spares() || s.Role == EdgeRole {
		return News{Changed: true, Why: "every look is a listing"}, nil
	}
	var record manifest.Dataset
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		record, _, err = tx.Dataset(src.Name)
		return err
	})
	if err != nil {
		return News{Changed: true}, err
	}
	if record.Store != src.Dataset.Store || record.Prefix != src.Prefix {
		record = manifest.Dataset{} // it is another place under the same name
	}
	before, now := *purpose.of(&record), s.Manifest.Now()
	n := News{purpose: purpose, seen: manifest.Watched{Full: before.Full, Marker: w.Marker}, keeps: true}
	says := func(changed bool, why string) {
		if changed && !n.Changed {
			n.Changed, n.Why = true, why
		}
	}
	age := now.Sub(before.Full.Time())
	says(before.Full == 0, "it was never listed")
	says(age >= w.FullEvery || age < 0, "the last listing is old")
	says(w.Marker != before.Marker || (w.Feed != nil) != (before.Cursor != ""), "it is watched otherwise than before")
	if w.Marker != "" {
		if n.seen.ETag, err = s.markerOf(ctx, src, w.Marker); err != nil {
			return News{Changed: true}, err
		}
		says(n.seen.ETag != before.ETag, "its marker changed")
	}
	if w.Feed != nil {
		changed, cursor, err := s.fed(ctx, src, w, before.Cursor)
		if err != nil {
			return News{Changed: true}, err
		}
		n.seen.Cursor = cursor
		says(changed, "the change feed names it")
	}
	if !n.Changed && n.seen != before {
		return n, s.watched(src, n)
	}
	return n, nil
}

// Listed notes that the source was listed, and all that was new taken in, after a look.
func (s *Syncer) Listed(src Source, n News) error {
	if !n.keeps {
		return nil
	}
	n.seen.Full = manifest.At(s.Manifest.Now())
	return s.watched(src, n)
}

func (s *Syncer) watched(src Source, n News) error {
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		record, ok, err := tx.Dataset(src.Name)
		if err != nil || !ok || record.Store != src.Dataset.Store || record.Prefix != src.Prefix {
			return err
		}
		*n.purpose.of(&record) = n.seen
		return tx.PutDataset(record)
	})
}

// watching reads under reservations.
func (s *Syncer) watching(src Source, from store.Store) *paidReader {
	return &paidReader{s: s, src: src, from: from, link: s.link(src, nil), activity: "list"}
}

// markerOf asks for the ETag of an object; "": there is none.
func (s *Syncer) markerOf(ctx context.Context, src Source, path string) (string, error) {
	r := s.watching(src, src.Store)
	o, err := r.Head(ctx, src.Prefix+path)
	if errors.Is(err, store.ErrNotFound) {
		o, err = store.Object{}, nil
	}
	return o.ETag, errors.Join(err, r.note())
}

// fed asks the change feed.
func (s *Syncer) fed(ctx context.Context, src Source, w Watch, cursor string) (changed bool, next string, err error) {
	st, err := w.Feed(ctx)
	if err != nil {
		return true, cursor, err
	}
	r := s.watching(src, st)
	changed, c, err := changefeed.Read(ctx, r, w.Container, src.Prefix, changefeed.ParseCursor(cursor))
	return changed, c.String(), errors.Join(err, r.note())
}

// ReadsFree tells whether reading a source costs this agent nothing.
func (s *Syncer) ReadsFree(src Source) bool {
	route, err := s.route(src, nil)
	return err == nil && route.In.IsFree()
}
