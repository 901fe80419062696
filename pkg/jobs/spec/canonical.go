package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// canonical is a job as JSON that [Parse] reads, without what is as it would be anyway.
type canonical struct {
	ID             string   `json:"id"`
	Dataset        string   `json:"dataset"`
	Snapshot       string   `json:"snapshot,omitempty"`
	Shards         []string `json:"shards,omitempty"`
	To             []string `json:"to"`
	NeedBy         string   `json:"need_by,omitempty"`
	Priority       int      `json:"priority,omitempty"`
	Value          int64    `json:"value,omitempty"`
	Team           string   `json:"team,omitempty"`
	Keep           string   `json:"keep,omitempty"`
	OnSourceChange string   `json:"on_source_change,omitempty"`
}

// Canonical is the job as one line of JSON, without a line break, that [Parse] reads as an equal job. Two jobs that say the same have
// the same text: destinations are in order, fields as they would be anyway are left out, times are in UTC.
func (j Job) Canonical() []byte {
	c := canonical{
		ID: j.ID, Dataset: j.Dataset, Snapshot: j.Snapshot, Shards: j.Shards, To: slices.Sorted(slices.Values(j.To)),
		Priority: j.Priority, Team: j.Team,
	}
	if j.NeedBy.Known() {
		c.NeedBy = j.NeedBy.String()
	}
	if j.Value != 1 {
		c.Value = j.Value
	}
	if j.Keep > 0 {
		c.Keep = FormatDuration(j.Keep)
	}
	if j.OnSourceChange != Fail {
		c.OnSourceChange = j.OnSourceChange
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // "->" and "&" in a term are for people to read
	if err := e.Encode(c); err != nil {
		panic("spec: a job of texts and numbers is always JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// MarshalJSON is [Job.Canonical].
func (j Job) MarshalJSON() ([]byte, error) { return j.Canonical(), nil }

// UnmarshalJSON reads what [Parse] reads, one job.
func (j *Job) UnmarshalJSON(b []byte) error {
	list, err := Parse("job.json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("want one job, not %d", len(list))
	}
	*j = list[0]
	j.from = nil // a request is no file
	return nil
}

// Equal tells whether two jobs say the same, wherever they were read.
func (j Job) Equal(other Job) bool { return bytes.Equal(j.Canonical(), other.Canonical()) }
