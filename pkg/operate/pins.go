package operate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Pin is who needs which snapshot where, and until when.
type Pin struct {
	Owner       string          `json:"owner"`
	Dataset     string          `json:"dataset"`
	Snapshot    chunker.Digest  `json:"snapshot"`
	Destination string          `json:"destination"`
	Created     manifest.Millis `json:"created"`
	Expires     manifest.Millis `json:"expires"` // null: never
	Live        bool            `json:"live"`
}

// PinOf describes a pin as it stands at a time.
func PinOf(p manifest.Pin, now time.Time) Pin {
	return Pin{p.Owner, p.Dataset, p.Snapshot, p.Destination, p.Created, p.Expires, p.Live(manifest.At(now))}
}

// PinRequest asks for a pin.
type PinRequest struct {
	Owner       string `json:"owner" doc:"who needs it: a name of up to 128 letters, digits and ._:@/-" maxLength:"256"`
	Dataset     string `json:"dataset" doc:"a configured dataset" maxLength:"256"`
	Snapshot    string `json:"snapshot,omitempty" doc:"a snapshot by its first hex digits; without it, the dataset's latest" maxLength:"128"`
	Destination string `json:"destination" doc:"a configured destination" maxLength:"256"`
	// Expires is when it ends; null: when it is taken back.
	Expires *time.Time `json:"expires,omitempty" doc:"when it ends; without it, when it is taken back"`
}

// clocksDiffer is by how much the clock of who asks may be behind.
const clocksDiffer = time.Minute

// PinName names an owner's pin at a destination, or, without a dataset, all of them there.
type PinName struct {
	Owner, Destination, Dataset string
}

func (l *Local) pinsOf(list []manifest.Pin) []Pin {
	out, now := make([]Pin, len(list)), l.now()
	for i, p := range list {
		out[i] = PinOf(p, now)
	}
	return out
}

// Pins are all, expired ones too.
func (l *Local) Pins(context.Context) ([]Pin, error) {
	list, err := l.Sync.Pins()
	return l.pinsOf(list), err
}

// Pin makes a pin, or renews or moves it.
func (l *Local) Pin(_ context.Context, q PinRequest) (out Pin, err error) {
	if err := l.checkPlace(q.Dataset, q.Destination); err != nil {
		return out, err
	}
	if strings.HasPrefix(q.Owner, dgsync.JobOwner("")) {
		return out, mistakef("owner %q: the pins of jobs are made and taken back with them; use another name", q.Owner)
	}
	c := dgsync.Claim{Owner: q.Owner, Dataset: q.Dataset}
	if q.Expires != nil {
		if c.Expires = *q.Expires; l.now().Sub(c.Expires) > clocksDiffer {
			return out, mistakef("expires %s is over already; it is %s", c.Expires.UTC().Format(time.RFC3339), l.now().UTC().Format(time.RFC3339))
		}
	}
	r, err := l.Catalog.Describe(q.Dataset, q.Destination, plan.Payer{})
	if err != nil {
		return out, err
	}
	c.Destination = r.Destination.Destination
	if c.Snapshot, err = l.snapshot(q.Dataset, q.Snapshot); err != nil {
		return out, err
	}
	p, err := l.Sync.Pin(c)
	if errors.Is(err, dgsync.ErrOwner) {
		return out, mistakef("owner: %w", err)
	}
	if err != nil {
		return out, err
	}
	l.changed()
	return PinOf(p, l.now()), nil
}

// Unpin takes pins back. What the configuration no longer has can still be pinned, and is no mistake here.
func (l *Local) Unpin(_ context.Context, q PinName) ([]Pin, error) {
	if q.Owner == "" || q.Destination == "" {
		return nil, mistakef("an owner and a destination are needed; datagravity pins lists them")
	}
	gone, err := l.Sync.Unpin(q.Destination, q.Owner, q.Dataset)
	if len(gone) > 0 {
		l.changed()
	}
	return l.pinsOf(gone), err
}
