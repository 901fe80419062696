package spec

import (
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/internal/yamldoc"
)

// The bounds on what one job says. A term can be a list of a million names.
const (
	MostShards     = 256     // terms
	MostTermBytes  = 8 << 20 // of one term
	MostTo         = 64      // destinations
	MostPriority   = 1_000_000
	MostValue      = 1_000_000_000_000 // the sum over many jobs must stay an int64
	leastHexDigits = 6                 // of a snapshot: one in 16 million is the same by chance
	mostHexDigits  = 64
)

// Latest as a job's snapshot is the newest that is recorded.
const Latest = "latest"

// What to do when a shard of the snapshot changed at the source before it was copied.
const (
	// Fail: the job wants these bytes and no others.
	Fail = "fail"
	// Repin: the job takes the dataset as it is now.
	Repin = "repin"
)

// Error is one mistake in a job: file, line, column, field, message. Jobs that come from no file have the field alone.
type Error = yamldoc.Error

// Errors are several mistakes, in the order of the file. errors.As finds the first as *[Error].
type Errors = yamldoc.Errors

// Job is what a job will need.
type Job struct {
	// ID names it; see jobs.ValidName.
	ID string
	// Dataset by its name in the configuration.
	Dataset string
	// Snapshot is "" (what the source lists now), [Latest], or 6 to 64 lower-case hex digits that its digest begins with.
	Snapshot string
	// Shards are the terms of a selection, as they were written; none selects all. What they mean is not checked here.
	Shards []string
	// To are the destinations by their names in the configuration, at least one, each once.
	To []string
	// NeedBy is when all must be there; the zero value is unknown.
	NeedBy NeedBy
	// Priority: the greater goes first.
	Priority int
	// Value that having all is worth beside other jobs, in any unit that they share; 0 counts as 1.
	Value int64
	// Team that moving it is charged to; "": the dataset's.
	Team string
	// Keep is how long it must stay after it is needed; 0: nothing was said.
	Keep time.Duration
	// OnSourceChange is [Fail] or [Repin].
	OnSourceChange string

	from *origin // nil for a job that was not read
}

// origin is where a job was read, for mistakes that are found later.
type origin struct {
	path   string
	base   string // jobs[3] of the file, "" for one that is the document
	places [len(fieldNames)]place
	whole  place
}

type place struct{ line, column int32 }

// The fields by their names in files, in the order in which they are written.
var fieldNames = [...]string{"id", "dataset", "snapshot", "shards", "to", "need_by", "priority", "value", "team", "keep", "on_source_change"}

// File is the path of the file that the job was read from, "" if from none.
func (j Job) File() string {
	if j.from == nil {
		return ""
	}
	return j.from.path
}

// Mistake is an error about a field of the job, at the field's place in the file that it was read from, or at the job's
// if the file leaves the field out. field is a name as files have it; "" is the job.
func (j Job) Mistake(field, message string) *Error {
	e := &Error{Field: field, Message: message}
	if j.from == nil {
		return e
	}
	e.Path = j.from.path
	if e.Field = j.from.base; e.Field == "" || field == "" {
		e.Field += field
	} else {
		e.Field += "." + field
	}
	at := j.from.whole
	if i := slices.Index(fieldNames[:], field); i >= 0 && j.from.places[i].line > 0 {
		at = j.from.places[i]
	}
	e.Line, e.Column = int(at.line), int(at.column)
	return e
}

func originOf(d *yamldoc.Document) *origin {
	o := &origin{path: d.Path(), base: d.Base().String()}
	at := func(f yamldoc.Field) place {
		line, column := d.Place(f)
		return place{int32(line), int32(column)} // files are bounded far below 2 GiB
	}
	o.whole = at(nil)
	for i, name := range fieldNames {
		o.places[i] = at(yamldoc.Field{name})
	}
	return o
}

// Check reports what is wrong with the job at a time: a need-by that has passed, an *[Error]. A job that was registered before keeps
// its need-by when that passes, so ask only of one that is new.
func (j Job) Check(now time.Time) error {
	if late := j.NeedBy.passed(now); late > 0 {
		late = late.Round(time.Second)
		if late > 2*day {
			late = late.Round(day)
		}
		return j.Mistake("need_by", fmt.Sprintf("%s was %s ago; give a time to come, or leave it out", j.NeedBy, FormatDuration(late)))
	}
	return nil
}

// Known are the names of the configuration that jobs can use.
type Known struct {
	Datasets, Destinations, Teams []string
}

// Check reports every name of the job that is not known, with the nearest that is: nil, an *[Error] or [Errors].
func (k Known) Check(j Job) error {
	var wrong Errors
	look := func(field, kind, name string, known []string) {
		if !slices.Contains(known, name) {
			wrong = append(wrong, j.Mistake(field, yamldoc.UnknownName(kind, name, known).Error()))
		}
	}
	look("dataset", "dataset", j.Dataset, k.Datasets)
	for _, to := range j.To {
		look("to", "destination", to, k.Destinations)
	}
	if j.Team != "" {
		look("team", "team", j.Team, k.Teams)
	}
	return wrong.Err()
}
