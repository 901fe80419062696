// Package daemon is what the controllers need of datagravity's daemon: four operations of its HTTP API, and a [Connection] that makes them.
package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// API of the daemon, as far as controllers ask.
type API interface {
	// AddEach takes jobs in, or changes them, and says of each that was not taken why.
	AddEach(ctx context.Context, origin string, specs []spec.Job) (daemon.AddResponse, error)
	// Remove takes jobs back. Errors: [dispatch.ErrNoJob].
	Remove(ctx context.Context, ids []string) error
	// ListOf tells of the jobs that were declared at an origin.
	ListOf(ctx context.Context, origin string) ([]dispatch.Status, error)
	// Ready looks whether all of a job is there. Errors: [dispatch.ErrNoJob].
	Ready(ctx context.Context, id string, maxAge time.Duration) (dispatch.Readiness, error)
}

var (
	_ API = (*daemon.Client)(nil)
	_ API = (*Connection)(nil)
)

// Refused tells that the daemon answered, and the answer is no: asking again changes nothing by itself.
func Refused(err error) bool {
	var said *daemon.Error
	return errors.As(err, &said)
}
