package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/internal/yamldoc"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// ErrMistake: what was asked for cannot be done by anybody; the text says what is wrong with it.
var ErrMistake = errors.New("asked for wrongly")

// mistake is an error that is ErrMistake without saying so: its text stands for itself.
type mistake struct{ error }

// Unwrap gives the cause.
func (m mistake) Unwrap() error { return m.error }

// Is tells that it is ErrMistake.
func (m mistake) Is(target error) bool { return target == ErrMistake }

func mistakef(format string, args ...any) error { return mistake{fmt.Errorf(format, args...)} }

// known wants a name that is configured, or none.
func known(kind, name string, names []string) error {
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return mistake{yamldoc.UnknownName(kind, name, slices.Sorted(slices.Values(names)))}
}

// Operator does what people ask for.
type Operator interface {
	// Needs are the open ones.
	Needs(ctx context.Context) ([]Need, error)
	// AskNeeds records what is wanted, and moves nothing.
	AskNeeds(ctx context.Context, q NeedRequest) ([]Need, error)
	// DropNeeds takes needs back, and returns those that are still open. Error: [dgsync.ErrNoNeed].
	DropNeeds(ctx context.Context, q NeedName) ([]Need, error)

	// Pins are all, expired ones too.
	Pins(ctx context.Context) ([]Pin, error)
	// Pin makes a pin, or renews or moves it.
	Pin(ctx context.Context, q PinRequest) (Pin, error)
	// Unpin takes back an owner's pin of a dataset at a destination, or all that the owner has there, and returns them.
	Unpin(ctx context.Context, q PinName) ([]Pin, error)

	// Decisions are all approvals and resets.
	Decisions(ctx context.Context) (Decisions, error)
	// Approve lets more be spent.
	Approve(ctx context.Context, q ApproveRequest) (observe.Approval, error)
	// Revoke takes an approval back. by is who does.
	Revoke(ctx context.Context, id, by string) (observe.Approval, error)
	// Reset goes on with what is known to be spent.
	Reset(ctx context.Context, q ResetRequest) (ResetAnswer, error)
	// Grants are what agents elsewhere may read on this one's budgets, and this one on another's.
	Grants(ctx context.Context) ([]Grant, error)

	// Pauses are the links that are paused.
	Pauses(ctx context.Context) ([]cost.Pause, error)
	// SetPause pauses a link, or lets it go on; "*" is all of them. It returns what is paused then.
	SetPause(ctx context.Context, link string, paused bool) ([]cost.Pause, error)

	// Plan says what would move, how, and for how much.
	Plan(ctx context.Context, q PlanRequest) (Plan, error)
	// ReadyAt tells whether a selection is at a destination and proven.
	ReadyAt(ctx context.Context, q ReadyRequest) (dgsync.Readiness, error)
	// Snapshots of a dataset, or of all ("").
	Snapshots(ctx context.Context, dataset string) ([]manifest.SnapshotHeader, error)
}
