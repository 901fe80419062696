package config

import (
	"strings"
	"time"
)

// The defaults and bounds of watching a source.
const (
	// DefaultWatchEvery is how often a source is looked at, where nothing else is said.
	DefaultWatchEvery = Duration(5 * time.Minute)

	defaultFullEvery = Duration(24 * time.Hour)
	leastWatch       = Duration(10 * time.Second)
	mostWatch        = Duration(24 * time.Hour)
	mostFullEvery    = Duration(30 * 24 * time.Hour)

	defaultLease = Duration(10 * time.Minute) // lease.DefaultLength
	leastLease   = Duration(2 * time.Second)
	mostLease    = Duration(24 * time.Hour)
)

func (d *document) fillInWatch(w *Watch, f field) {
	fill(d, f.Child("every"), &w.Every, DefaultWatchEvery)
	fill(d, f.Child("full_every"), &w.FullEvery, max(defaultFullEvery, w.Every))
}

func (d *document) checkWatch(f field, v Dataset, c *Config) {
	w := v.Watch
	if w == nil || d.Failed(f) {
		return
	}
	d.checkBetween(f.Child("every"), w.Every, leastWatch, mostWatch)
	if !d.Failed(f.Child("every")) {
		d.checkBetween(f.Child("full_every"), w.FullEvery, max(w.Every, leastWatch), mostFullEvery)
	}
	if at := f.Child("marker"); d.IsSet(at) && (w.Marker == "" || strings.HasPrefix(w.Marker, "/") || strings.HasSuffix(w.Marker, "/")) {
		d.Wrong(at, "%q: want the path of an object within the dataset, for example _SUCCESS", w.Marker)
	}
	if at := f.Child("full_every"); d.IsSet(at) && w.Marker == "" && !w.ChangeFeed {
		d.Wrong(at, "without a marker or the change feed every look is a listing; name one of them, or leave it out")
	}
	s, known := c.Stores[v.Store]
	if at := f.Child("change_feed"); w.ChangeFeed && known && !strings.HasPrefix(s.URL, "azblob:") {
		d.Wrong(at, "only Azure storage accounts have a change feed, and store %s is none; name a marker, or leave it out", v.Store)
	}
	if c.Agent.Role == Edge {
		d.Fail(f, "an edge does not look at the source: it takes the dataset as the origin published it; leave it out")
	}
}

// Leases tells whether agents of this configuration take leases on what they write to.
func (a Agent) Leases() bool { return a.Lease > 0 }

func (d *document) checkLease(f field, a Agent) {
	if a.Lease != 0 {
		d.checkBetween(f, a.Lease, leastLease, mostLease)
	}
}
