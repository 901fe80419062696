package staging

import (
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// signature is what decides about an object. What else changes of a standing, missing bytes for example, changes with every round.
type signature struct {
	told             bool
	state            dispatch.State
	kind, why        string
	snapshot, places string
	eta              time.Time
}

func (s Standing) signature() signature {
	out := signature{told: s.Told, state: s.Status.State, kind: s.Status.Kind, snapshot: s.Status.Snapshot, why: s.Refused}
	if s.Status.State == dispatch.Held || s.Status.State == dispatch.Blocked || s.Status.Kind != "" {
		out.why = s.Status.Why
	}
	for _, p := range s.Status.Places {
		out.places += p.URL + "\n"
	}
	if s.Status.ETA != nil {
		out.eta = s.Status.ETA.Truncate(etaGrain)
	}
	return out
}

// etaGrain is what two ETAs differ by at least to be told as different.
const etaGrain = 15 * time.Second

// same tells whether two jobs ask for the same.
func same(a, b spec.Job) bool {
	return a.ID == b.ID && a.Dataset == b.Dataset && a.Snapshot == b.Snapshot && slices.Equal(a.Shards, b.Shards) && slices.Equal(a.To, b.To) &&
		a.NeedBy == b.NeedBy && a.Priority == b.Priority && a.Value == b.Value && a.Team == b.Team && a.Keep == b.Keep && a.OnSourceChange == b.OnSourceChange
}
