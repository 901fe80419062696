package observe

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/sync/engine"
)

const (
	// slotSeconds is how finely speeds are kept, and slots how many of them: half an hour.
	slotSeconds = 5
	slots       = 360
	// lately is over what [Link.BytesPerSecond] is taken: longer than a part takes, shorter than anybody waits.
	lately = 30 * time.Second
	// keptLinks is how long a link over which nothing moves any more is shown.
	keptLinks = slots * slotSeconds * time.Second
	// maxTransfers are kept of a process that moves more shards at a time than anybody reads.
	maxTransfers = 10_000
)

// Transfer is a shard that moves now.
type Transfer struct {
	Dataset     string `json:"dataset"`
	Path        string `json:"path"`
	Source      string `json:"source"`                // the store that its run reads from
	Destination string `json:"destination,omitempty"` // "" while it is read for the index
	Job         string `json:"job,omitempty"`
	// Way is how it goes: full, assemble, pull, copy and so on.
	Way string `json:"way"`
	// Bytes of the shard, and those that crossed, or were there from an earlier run. Of a shard that is put together from what is there less
	// crosses than it has.
	Bytes   int64     `json:"bytes"`
	Moved   int64     `json:"moved_bytes"`
	Resumed int64     `json:"resumed_bytes"`
	Started time.Time `json:"started"`
	// Progress is when the last of it moved.
	Progress time.Time `json:"progress"`
}

// Link is what a process moves from a store to a destination.
type Link struct {
	Source      string `json:"source"`
	Destination string `json:"destination"` // "" for what is read for the index
	// BytesPerSecond of payload over the last half minute.
	BytesPerSecond int64 `json:"bytes_per_second"`
	// Runs that are under way; 0: what follows is of the last one.
	Runs int `json:"runs"`
	// Shards and bytes that the runs under way have to move, and those that they have moved.
	Shards     int   `json:"shards"`
	DoneShards int   `json:"shards_done"`
	Failed     int   `json:"shards_failed"`
	Bytes      int64 `json:"bytes"`
	DoneBytes  int64 `json:"bytes_done"`
	// ETA is when the rest of it has moved at BytesPerSecond; null: nothing moves, or not within ten years. Of shards that fail, or of which less crosses
	// than was planned, it knows nothing beforehand.
	ETA *time.Time `json:"eta"`
	// MovedBytes, DoneTotal and FailedTotal since the process began.
	MovedBytes  int64     `json:"moved_bytes_total"`
	DoneTotal   int64     `json:"shards_done_total"`
	FailedTotal int64     `json:"shards_failed_total"`
	Last        time.Time `json:"last"` // when something moved last
}

// Way is what a process moved from a store to a destination in one way, since it began.
type Way struct {
	Source      string `json:"source"`
	Destination string `json:"destination"` // "" for what is read for the index
	// Way is full, assemble, pull, copy and so on.
	Way string `json:"way"`
	// MovedBytes of payload crossed; ResumedBytes were there from an earlier run.
	MovedBytes   int64 `json:"moved_bytes"`
	ResumedBytes int64 `json:"resumed_bytes"`
	// Done and Failed shards.
	Done   int64 `json:"shards_done"`
	Failed int64 `json:"shards_failed"`
}

// Speeds are the payload bytes that moved over a link, by times of [Speeds.Seconds] each.
type Speeds struct {
	Source      string    `json:"source"`
	Destination string    `json:"destination"`
	From        time.Time `json:"from"` // when the first of them began
	Seconds     int       `json:"seconds"`
	Bytes       []int64   `json:"bytes"`
}

// Recorder remembers what an engine does. It is safe for concurrent use; the zero value is not usable, see [NewRecorder].
type Recorder struct {
	now func() time.Time

	mu        sync.Mutex
	links     map[linkName]*link
	ways      map[wayName]*Way
	transfers map[transferName]*Transfer
	progress  time.Time
	listeners map[chan struct{}]bool
}

type linkName struct{ source, destination string }

type wayName struct{ source, destination, way string }

type transferName struct{ dataset, destination, path string }

// link is a Link with its history.
type link struct {
	Link
	first  int64
	ring   [slots]int64 // bytes by slot; slot n of all time is at n % slots
	newest int64
}

// NewRecorder makes one; now is its clock.
func NewRecorder(now func() time.Time) *Recorder {
	return &Recorder{
		now: now, links: map[linkName]*link{}, ways: map[wayName]*Way{}, transfers: map[transferName]*Transfer{}, listeners: map[chan struct{}]bool{},
		progress: now(),
	}
}

// Observe is for [engine.Options].Observe.
func (r *Recorder) Observe(e engine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.now()
	r.progress = at
	l := r.link(e, at)
	name := transferName{e.Dataset, e.Destination, e.Path}
	switch e.Kind {
	case engine.RunStarted:
		if l.Runs++; l.Runs == 1 { // what came before is over
			l.Shards, l.DoneShards, l.Failed, l.Bytes, l.DoneBytes = 0, 0, 0, 0, 0
		}
		l.Shards += e.Shards
		l.Bytes += e.Bytes
	case engine.ShardStarted:
		if _, known := r.transfers[name]; !known && len(r.transfers) < maxTransfers {
			r.transfers[name] = &Transfer{
				Dataset: e.Dataset, Path: e.Path, Source: e.Source, Destination: e.Destination, Job: e.Job, Way: e.Way, Bytes: e.Bytes, Started: at, Progress: at,
			}
		}
	case engine.BytesMoved:
		l.moved(e.Bytes, at)
		r.way(e).MovedBytes += e.Bytes
		if t := r.transfers[name]; t != nil {
			t.Moved += e.Bytes
			t.Progress = at
		}
	case engine.BytesResumed:
		l.DoneBytes += e.Bytes
		r.way(e).ResumedBytes += e.Bytes
		if t := r.transfers[name]; t != nil {
			t.Resumed += e.Bytes
			t.Progress = at
		}
	case engine.ShardDone, engine.ShardFailed:
		delete(r.transfers, name)
		if e.Kind == engine.ShardDone {
			l.DoneShards++
			l.DoneTotal++
			r.way(e).Done++
		} else {
			l.Failed++
			l.FailedTotal++
			r.way(e).Failed++
		}
	case engine.RunEnded: // one that was stopped tells no end of the shards that were on their way
		l.Runs--
		for n := range r.transfers {
			if n.dataset == e.Dataset && n.destination == e.Destination {
				delete(r.transfers, n)
			}
		}
	}
	r.wake()
}

func (r *Recorder) link(e engine.Event, at time.Time) *link {
	name := linkName{e.Source, e.Destination}
	l := r.links[name]
	if l == nil {
		l = &link{Link: Link{Source: e.Source, Destination: e.Destination}, first: slot(at), newest: slot(at)}
		r.links[name] = l
	}
	l.Last = at
	return l
}

func (r *Recorder) way(e engine.Event) *Way {
	name := wayName{e.Source, e.Destination, e.Way}
	w := r.ways[name]
	if w == nil {
		w = &Way{Source: e.Source, Destination: e.Destination, Way: e.Way}
		r.ways[name] = w
	}
	return w
}

func slot(at time.Time) int64 { return at.Unix() / slotSeconds }

// upTo empties the slots that passed without anything.
func (l *link) upTo(now int64) {
	for n := max(l.newest+1, now-slots+1); n <= now; n++ {
		l.ring[n%slots] = 0
	}
	l.newest = max(l.newest, now)
}

func (l *link) moved(bytes int64, at time.Time) {
	l.upTo(slot(at))
	l.ring[slot(at)%slots] += bytes
	l.DoneBytes += bytes
	l.MovedBytes += bytes
}

// speed is that of the last whole slots.
func (l *link) speed(at time.Time) int64 {
	now := slot(at)
	l.upTo(now)
	const many = int64(lately / (slotSeconds * time.Second))
	from := max(l.first, now-many)
	if from >= now { // it has only just begun
		return l.ring[now%slots] / max(1, at.Unix()-now*slotSeconds)
	}
	var sum int64
	for n := from; n < now; n++ {
		sum += l.ring[n%slots]
	}
	return sum / ((now - from) * slotSeconds)
}

// farthest is how far ahead anything is said to end.
const farthest = 10 * 365 * 24 * time.Hour

// eta is when the rest has moved at the link's speed.
func (l Link) eta(at time.Time) *time.Time {
	left := l.Bytes - l.DoneBytes
	if l.Runs == 0 || left <= 0 || l.BytesPerSecond <= 0 || left/l.BytesPerSecond >= int64(farthest/time.Second) {
		return nil
	}
	t := at.Add(time.Duration(float64(left) / float64(l.BytesPerSecond) * float64(time.Second))).UTC().Truncate(time.Second)
	return &t
}

// Links over which something moves, or lately did, by source and destination.
func (r *Recorder) Links() []Link {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, list := r.now(), []Link{}
	for _, l := range r.links {
		if l.Runs > 0 || at.Sub(l.Last) < keptLinks {
			out := l.Link
			out.BytesPerSecond = l.speed(at)
			out.ETA = out.eta(at)
			list = append(list, out)
		}
	}
	slices.SortFunc(list, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination))
	})
	return list
}

// Speeds of all links over the last half hour, oldest first; the slot that is not over is left out.
func (r *Recorder) Speeds() []Speeds {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, list := slot(r.now()), []Speeds{}
	for _, l := range r.links {
		l.upTo(now)
		from := max(l.first, now-slots+1)
		s := Speeds{Source: l.Source, Destination: l.Destination, From: time.Unix(from*slotSeconds, 0).UTC(), Seconds: slotSeconds, Bytes: []int64{}}
		for n := from; n < now; n++ {
			s.Bytes = append(s.Bytes, l.ring[n%slots])
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Speeds) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination))
	})
	return list
}

// Ways are what moved since the process began, by source, destination and way.
func (r *Recorder) Ways() []Way {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Way, 0, len(r.ways))
	for _, w := range r.ways {
		list = append(list, *w)
	}
	slices.SortFunc(list, func(a, b Way) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.Way, b.Way))
	})
	return list
}

// TransfersUnderWay is how many shards move now.
func (r *Recorder) TransfersUnderWay() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.transfers)
}

// Transfers under way, the oldest first.
func (r *Recorder) Transfers() []Transfer {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Transfer, 0, len(r.transfers))
	for _, t := range r.transfers {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Transfer) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Destination, b.Destination))
	})
	return list
}

// Moves tells whether a shard moves now, to whatever destination.
func (r *Recorder) Moves(dataset, path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.transfers {
		if name.dataset == dataset && name.path == path {
			return true
		}
	}
	return len(r.transfers) >= maxTransfers // it may be one of those that are not kept
}

// Progress is when the engine last told anything.
func (r *Recorder) Progress() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// Listen returns a channel that has a value after anything changed, and what ends it. A slow listener misses nothing but how often: it looks for itself.
func (r *Recorder) Listen() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners[c] = true
	return c, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.listeners, c)
	}
}

// Changed wakes listeners for what is not the engine's: a job, a budget.
func (r *Recorder) Changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake()
}

func (r *Recorder) wake() {
	for c := range r.listeners {
		select {
		case c <- struct{}{}:
		default: // it has yet to look
		}
	}
}
