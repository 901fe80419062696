package operate

import (
	"context"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/choose"
)

// Need is an open need.
type Need struct {
	Dataset     string          `json:"dataset"`
	Destination string          `json:"destination"`
	Shards      []string        `json:"shards"`
	Snapshot    string          `json:"snapshot,omitempty"`
	Asked       manifest.Millis `json:"asked"`
	NeedBy      manifest.Millis `json:"need_by"` // null: nobody said
	Priority    int             `json:"priority"`
	Value       int64           `json:"value"`
	Job         string          `json:"job,omitempty"`
}

// NeedOf describes an open need.
func NeedOf(n manifest.Need) Need {
	out := Need{
		Dataset: n.Dataset, Destination: n.Destination, Shards: append([]string{}, n.Globs...), Asked: n.Open.Asked, NeedBy: n.Open.NeedBy,
		Priority: n.Open.Priority, Value: max(1, n.Open.Value), Job: n.Job,
	}
	if !n.Open.Snapshot.IsZero() {
		out.Snapshot = n.Open.Snapshot.String()
	}
	return out
}

func needsOf(list []manifest.Need) []Need {
	out := make([]Need, len(list))
	for i, n := range list {
		out[i] = NeedOf(n)
	}
	return out
}

// NeedRequest asks for a dataset at destinations.
type NeedRequest struct {
	Dataset string `json:"dataset" doc:"a configured dataset" maxLength:"256"`
	// Snapshot by its first hex digits; "": what the source lists then.
	Snapshot string `json:"snapshot,omitempty" doc:"a snapshot by its first hex digits; without it, what the source lists then" maxLength:"128"`
	// Shards are globs; none: all.
	Shards       []string `json:"shards,omitempty" doc:"only shards whose path matches one of these globs" maxItems:"1000"`
	Destinations []string `json:"destinations" doc:"configured destinations" minItems:"1" maxItems:"1000"`
	// NeedBy is when all of it should be there; null: nobody says.
	NeedBy   *time.Time `json:"need_by,omitempty" doc:"when all of it should be there"`
	Priority int        `json:"priority,omitempty" doc:"among what must begin on the same day, higher first"`
	Value    int64      `json:"value,omitempty" doc:"what having all of it is worth beside others; 0 counts as 1" minimum:"0"`
	Job      string     `json:"job,omitempty" doc:"the job that budgets and the ledger count it for" maxLength:"128"`
	Team     string     `json:"team,omitempty" doc:"the team that it is charged to; without it, the dataset's" maxLength:"256"`
}

// NeedName is what names needs: as they were asked for.
type NeedName struct {
	Dataset      string
	Shards       []string
	Destinations []string
}

// Needs are the open ones.
func (l *Local) Needs(context.Context) ([]Need, error) {
	list, err := l.Sync.OpenNeeds()
	return needsOf(list), err
}

// AskNeeds records what is wanted, and moves nothing.
func (l *Local) AskNeeds(_ context.Context, q NeedRequest) ([]Need, error) {
	if q.Value < 0 || q.Value > choose.MostValue {
		return nil, mistakef("value %d: want 1 to %d", q.Value, int64(choose.MostValue))
	}
	payer, err := l.payer(q.Job, q.Team)
	if err != nil {
		return nil, err
	}
	if len(q.Destinations) == 0 {
		return nil, l.checkPlace(q.Dataset, "")
	}
	var list []dgsync.Request
	for _, to := range q.Destinations {
		if err := l.checkPlace(q.Dataset, to); err != nil {
			return nil, err
		}
		r, err := l.Catalog.Describe(q.Dataset, to, payer)
		if err != nil {
			return nil, err
		}
		if r, err = l.selected(r, q.Shards, q.Snapshot); err != nil {
			return nil, err
		}
		r.Wish = dgsync.Wish{Priority: q.Priority, Value: q.Value}
		if q.NeedBy != nil {
			r.Wish.NeedBy = *q.NeedBy
		}
		list = append(list, r)
	}
	asked, err := l.Sync.Ask(list...)
	if err != nil {
		return nil, err
	}
	l.changed()
	return needsOf(asked), nil
}

// DropNeeds takes needs back, also those whose dataset or destination the configuration no longer has.
func (l *Local) DropNeeds(ctx context.Context, q NeedName) ([]Need, error) {
	if q.Dataset == "" || len(q.Destinations) == 0 {
		return nil, mistakef("name the dataset and the destination of the need, as it was asked for")
	}
	var list []dgsync.Request
	for _, to := range q.Destinations {
		var r dgsync.Request
		var err error
		if r.Selection, err = jobs.NewSelection(q.Shards); err != nil {
			return nil, mistake{err}
		}
		r.Source.Name, r.Destination.Name = q.Dataset, to
		list = append(list, r)
	}
	if err := l.Sync.DropNeeds(list...); err != nil {
		return nil, err
	}
	l.changed()
	return l.Needs(ctx)
}
