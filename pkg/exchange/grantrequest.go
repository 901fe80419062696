package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

const requestKind = "grant-request"

// GrantRequest is what an edge asks an origin for: to read so much from the source's store, at the cost of the origin's budgets.
type GrantRequest struct {
	Datagravity int    `json:"datagravity"` // format version, 1; [AskGrant] sets it
	Kind        string `json:"kind"`        // "grant-request"; AskGrant sets it
	ID          string `json:"id"`          // 32 lower-case hex digits, at random
	Edge        string `json:"edge"`        // the agent that asks
	Location    string `json:"location"`    // of the edge, as in "gcp:us-central1"
	Dataset     string `json:"dataset"`
	// Destination is where the bytes go to, as the edge's configuration calls it, and DestinationLocation where that is.
	Destination         string `json:"destination,omitempty"`
	DestinationLocation string `json:"destination_location,omitempty"`
	// Job and Team are for whom, if that is known.
	Job  string `json:"job,omitempty"`
	Team string `json:"team,omitempty"`
	// Bytes are wanted, on the wire. With fewer than LeastBytes the edge has no use for a grant.
	Bytes      int64          `json:"bytes"`
	LeastBytes int64          `json:"least_bytes"`
	Requests   int64          `json:"requests"` // wanted, at least 1
	Time       time.Time      `json:"time"`     // of asking, by the edge's clock; UTC, whole seconds
	Expires    time.Time      `json:"expires"`  // until when the edge waits for an answer; at most [MaxLifetime] later
	Until      time.Time      `json:"until"`    // until when it wants to read; at most MaxLifetime after Time
	Check      chunker.Digest `json:"check,omitzero"`
}

func (r *GrantRequest) corner() corner { return corner{r.Edge, r.ID} }

func (r *GrantRequest) kinds() (string, string, int) { return requestKind, r.Kind, r.Datagravity }

func (r *GrantRequest) written() time.Time { return r.Time }

func (r *GrantRequest) checksum() *chunker.Digest { return &r.Check }

func (r *GrantRequest) checkFields() error {
	switch {
	case r.Bytes <= 0 || r.Requests <= 0:
		return fmt.Errorf("it wants %d bytes in %d requests, the least is one of each", r.Bytes, r.Requests)
	case r.LeastBytes <= 0 || r.LeastBytes > r.Bytes:
		return fmt.Errorf("the least it wants is %d bytes, want 1 to the %d that it asks for", r.LeastBytes, r.Bytes)
	}
	return errors.Join(r.corner().check(), checkName("dataset", r.Dataset), checkGrantText("location", r.Location, true),
		checkGrantText("destination", r.Destination, false), checkGrantText("location of the destination", r.DestinationLocation, false),
		checkGrantText("job", r.Job, false), checkGrantText("team", r.Team, false), checkSpan(r.Time, r.Expires), r.checkUntil())
}

func (r *GrantRequest) checkUntil() error {
	if err := checkTime(r.Until); err != nil {
		return err
	}
	if r.Until.Before(r.Time) || r.Until.Sub(r.Time) > MaxLifetime {
		return fmt.Errorf("it is of %s and wants to read until %s: want no earlier, and later by at most %s", r.Time.Format(time.RFC3339), r.Until.Format(time.RFC3339), MaxLifetime)
	}
	return nil
}

// AskGrant writes a request, which must not be there yet. The same once more is no error. Times are cut to whole seconds. Errors: the
// store's, [store.ErrConflict] if another request of that id is there, and what is wrong with the request.
func AskGrant(ctx context.Context, w Writer, r GrantRequest) error {
	r.Datagravity, r.Kind = version, requestKind
	r.Time, r.Expires, r.Until = wholeSeconds(r.Time), wholeSeconds(r.Expires), wholeSeconds(r.Until)
	return putGrantPaper(ctx, w, &r, corner.requestKey)
}

// ReadGrantRequest reads a request; false if there is none. Whether it has expired is the caller's to compare. Errors: the store's, and
// [ErrBad], for one that was written more than a day before its time, too.
func ReadGrantRequest(ctx context.Context, r Reader, edge, id string) (GrantRequest, bool, error) {
	return readGrantPaper[GrantRequest](ctx, r, edge, id, wantHint, corner.requestKey)
}
