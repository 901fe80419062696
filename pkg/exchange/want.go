package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

const wantKind = "want"

// Limits of a want: what an origin takes must not depend on what lies in the store.
const (
	// maxRuns are 48 MiB of memory. One that lacks more asks again when it has these.
	maxRuns = 4 << 20
	// maxWantBytes is maxRuns runs at random, compressed.
	maxWantBytes = 64 << 20
	// maxWantTextBytes is maxRuns runs of ten digits each and more.
	maxWantTextBytes = 256 << 20
	// maxWantHeadBytes is what stands before the first run.
	maxWantHeadBytes = maxDocumentBytes
)

// Run is chunks that follow each other in one shard. In JSON it is an array of three numbers.
type Run struct {
	Shard uint32 // its place in the snapshot, from 0
	First uint32 // chunk, from 0, in the shard's recipe
	Count uint32 // how many, at least 1
}

// appendTo appends the JSON.
func (r Run) appendTo(b []byte) []byte {
	b = strconv.AppendUint(append(b, '['), uint64(r.Shard), 10)
	b = strconv.AppendUint(append(b, ','), uint64(r.First), 10)
	b = strconv.AppendUint(append(b, ','), uint64(r.Count), 10)
	return append(b, ']')
}

// MarshalJSON writes [shard,first,count].
func (r Run) MarshalJSON() ([]byte, error) { return r.appendTo(nil), nil }

// UnmarshalJSON reads [shard,first,count] and nothing else.
func (r *Run) UnmarshalJSON(b []byte) error {
	var n []uint32
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	if len(n) != 3 {
		return fmt.Errorf("a run of %d numbers, want 3", len(n))
	}
	*r = Run{n[0], n[1], n[2]}
	return nil
}

// Want is what an edge lacks of a snapshot that was published.
//
// What is read is well formed; whether there are such shards and chunks only the snapshot tells. Counts are not bounded by the size of
// the want: look before taking memory for them.
type Want struct {
	Datagravity int    `json:"datagravity"` // format version, 1; [Ask] sets it
	Kind        string `json:"kind"`        // "want"; Ask sets it
	ID          string `json:"id"`          // 32 lower-case hex digits, at random
	Edge        string `json:"edge"`        // the agent that asks
	Dataset     string `json:"dataset"`
	// Snapshot is the one whose shards the runs name.
	Snapshot chunker.Digest `json:"snapshot"`
	// Base is a snapshot whose chunks the edge's destination has, so that they may serve as bases for deltas. Zero if there is none.
	Base    chunker.Digest `json:"base,omitzero"`
	Time    time.Time      `json:"time"`    // of asking, by the edge's clock; UTC, whole seconds
	Expires time.Time      `json:"expires"` // when the edge will have given up; at most [MaxLifetime] later
	// Missing is in ascending order of shards and, within one, of chunks; no chunk stands there twice. At most 4 Mi runs.
	Missing []Run          `json:"missing"`
	Check   chunker.Digest `json:"check,omitzero"`
}

func (w Want) corner() corner { return corner{w.Edge, w.ID} }

// checkHead tells what is wrong beside the runs, or nil.
func (w *Want) checkHead() error {
	switch {
	case w.Datagravity != version || w.Kind != wantKind:
		return fmt.Errorf("it is no %s of version %d", wantKind, version)
	case w.Snapshot.IsZero():
		return errors.New("it names no snapshot")
	}
	return errors.Join(w.corner().check(), checkName("dataset", w.Dataset), checkSpan(w.Time, w.Expires))
}

// order checks runs as they come.
type order struct {
	n      int
	before Run
}

func (o *order) add(r Run) error {
	b := o.before
	switch {
	case o.n == maxRuns:
		return fmt.Errorf("it has more than %d runs", maxRuns)
	case r.Count == 0:
		return fmt.Errorf("run %d has no chunks", o.n+1)
	case uint64(r.First)+uint64(r.Count) > 1<<32:
		return fmt.Errorf("run %d ends behind chunk 2^32", o.n+1)
	case o.n > 0 && (r.Shard < b.Shard || r.Shard == b.Shard && uint64(r.First) < uint64(b.First)+uint64(b.Count)):
		return fmt.Errorf("run %d is not behind the one before", o.n+1)
	}
	o.n, o.before = o.n+1, r
	return nil
}

// check tells what is wrong with it, or nil.
func (w *Want) check() error {
	if err := w.checkHead(); err != nil {
		return err
	}
	var o order
	for _, r := range w.Missing {
		if err := o.add(r); err != nil {
			return err
		}
	}
	return nil
}
