package manifest

import "github.com/datagravity/datagravity/pkg/chunker"

var jobs = table[Job]{bucket: "jobs"}

// Job is what an upcoming run needs: a selection of a dataset, at one or more destinations, by a time. From each of its destinations comes a need.
type Job struct {
	ID      string `cbor:"1,keyasint" json:"id"`
	Dataset string `cbor:"2,keyasint" json:"dataset"`
	// Asked is the snapshot that the job names; zero: the latest when it is first known, which is then kept in Snapshot.
	Asked chunker.Digest `cbor:"3,keyasint" json:"asked"`
	// Terms of the selection, as pkg/jobs/selector writes them; none: all shards.
	Terms []string `cbor:"4,keyasint,omitempty" json:"shards"`
	To    []string `cbor:"5,keyasint" json:"to"`
	// NeedBy is when all of it should be there; 0: nobody said.
	NeedBy   Millis `cbor:"6,keyasint,omitempty" json:"need_by,omitempty"`
	Priority int    `cbor:"7,keyasint,omitempty" json:"priority,omitempty"`
	Value    int64  `cbor:"8,keyasint,omitempty" json:"value,omitempty"`
	Team     string `cbor:"9,keyasint,omitempty" json:"team,omitempty"`
	// Keep is for how many milliseconds the replica must stay after it was needed, or was ready if that is later.
	Keep int64 `cbor:"10,keyasint,omitempty" json:"keep_ms,omitempty"`
	// Repin has a job whose snapshot can no longer be had take the latest one; otherwise it fails.
	Repin bool `cbor:"11,keyasint,omitempty" json:"repin,omitempty"`
	// After is the length of time that the need-by was given as, in milliseconds after the job was declared; 0: it was a point in time.
	After int64 `cbor:"25,keyasint,omitempty" json:"-"`
	// File that declared it, "" for none.
	File string `cbor:"28,keyasint,omitempty" json:"-"`
	// Left are destinations that the job named before, where something of it may still be promised.
	Left []string `cbor:"26,keyasint,omitempty" json:"-"`
	// Over is when its time to stay was over; a job of a folder is kept then as long as its file says the same. 0: it is not.
	Over Millis `cbor:"27,keyasint,omitempty" json:"over,omitempty"`
	// Origin is where the job came from: "", or the file or the scheduler that declares it, and that takes it back.
	Origin string `cbor:"12,keyasint,omitempty" json:"origin,omitempty"`
	Added  Millis `cbor:"13,keyasint" json:"added"`

	// What is known since the job was resolved; the zero values before.
	Resolved Millis `cbor:"14,keyasint,omitempty" json:"resolved,omitempty"`
	// Snapshot that the job is pinned to; zero while the source has what no snapshot names yet.
	Snapshot chunker.Digest `cbor:"15,keyasint" json:"snapshot"`
	// Globs that select the same as the terms, if some do; otherwise Paths is the selected paths' id.
	Globs []string       `cbor:"16,keyasint,omitempty" json:"-"`
	Paths chunker.Digest `cbor:"17,keyasint" json:"-"`
	// Ranges are the places of the selected shards in the snapshot, see [Spans]; nil while it is not pinned.
	Ranges Spans `cbor:"18,keyasint,omitempty" json:"-"`
	Shards int   `cbor:"19,keyasint,omitempty" json:"shard_count,omitempty"`
	Bytes  int64 `cbor:"20,keyasint,omitempty" json:"bytes,omitempty"`
	// Lumps are, for a job without a snapshot, how much was missing at each destination when it was resolved; nobody knows more before it is read.
	Lumps []Lump `cbor:"24,keyasint,omitempty" json:"-"`
	// Notes about the selection, for people.
	Notes []string `cbor:"21,keyasint,omitempty" json:"notes,omitempty"`
	// Problem is why it cannot be had as it is; nil: nothing is known to be in the way.
	Problem *JobProblem `cbor:"22,keyasint,omitempty" json:"problem,omitempty"`
	// Repinned counts how often it took another snapshot.
	Repinned int `cbor:"23,keyasint,omitempty" json:"repinned,omitempty"`
}

// Lump is how much of a job is missing at a destination.
type Lump struct {
	Destination string `cbor:"1,keyasint"`
	Shards      int    `cbor:"2,keyasint"`
	Bytes       int64  `cbor:"3,keyasint"`
}

// JobProblem is what keeps a job from being ready, beside time and money.
type JobProblem struct {
	// Kind is a word that stands for an exit code: "missing" (at the source), "selection", "unknown" (a name that is not configured), "access",
	// "budget", "paused", "waiting" (for what ends by itself), "failed".
	Kind string `cbor:"1,keyasint" json:"kind"`
	Text string `cbor:"2,keyasint" json:"text"`
	At   Millis `cbor:"3,keyasint" json:"at"`
	// Final: only a change of the job, of the source or of the configuration helps.
	Final bool `cbor:"4,keyasint,omitempty" json:"final,omitempty"`
}

// Job returns one by its id.
func (tx *Tx) Job(id string) (Job, bool, error) { return jobs.get(tx, key(id)) }

// PutJob adds or replaces it.
func (tx *Tx) PutJob(j Job) error { return jobs.put(tx, key(j.ID), j) }

// DeleteJob forgets it.
func (tx *Tx) DeleteJob(id string) error { return jobs.delete(tx, key(id)) }

// Jobs calls f for every job, in byte order of the ids; f returns false to stop, and must not change any.
func (tx *Tx) Jobs(f func(Job) (bool, error)) error {
	return jobs.scan(tx, nil, nil, func(_ []byte, j Job) (bool, error) { return f(j) })
}
