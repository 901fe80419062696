package main

import (
	"context"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// actingOperator does what people ask for with whoever acts.
type actingOperator struct{ of *app }

var _ operate.Operator = actingOperator{}

// acting asks whoever acts.
func acting[T any](of *app, f func(o *operate.Local) (T, error)) (T, error) {
	now, leave := of.acting()
	defer leave()
	return f(now.operatorHere())
}

// Needs are the open ones.
func (a actingOperator) Needs(ctx context.Context) ([]operate.Need, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Need, error) { return o.Needs(ctx) })
}

// AskNeeds records what is wanted.
func (a actingOperator) AskNeeds(ctx context.Context, q operate.NeedRequest) ([]operate.Need, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Need, error) { return o.AskNeeds(ctx, q) })
}

// DropNeeds takes needs back.
func (a actingOperator) DropNeeds(ctx context.Context, q operate.NeedName) ([]operate.Need, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Need, error) { return o.DropNeeds(ctx, q) })
}

// Pins are all.
func (a actingOperator) Pins(ctx context.Context) ([]operate.Pin, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Pin, error) { return o.Pins(ctx) })
}

// Pin makes a pin.
func (a actingOperator) Pin(ctx context.Context, q operate.PinRequest) (operate.Pin, error) {
	return acting(a.of, func(o *operate.Local) (operate.Pin, error) { return o.Pin(ctx, q) })
}

// Unpin takes pins back.
func (a actingOperator) Unpin(ctx context.Context, q operate.PinName) ([]operate.Pin, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Pin, error) { return o.Unpin(ctx, q) })
}

// Decisions are all approvals and resets.
func (a actingOperator) Decisions(ctx context.Context) (operate.Decisions, error) {
	return acting(a.of, func(o *operate.Local) (operate.Decisions, error) { return o.Decisions(ctx) })
}

// Approve lets more be spent.
func (a actingOperator) Approve(ctx context.Context, q operate.ApproveRequest) (observe.Approval, error) {
	return acting(a.of, func(o *operate.Local) (observe.Approval, error) { return o.Approve(ctx, q) })
}

// Revoke takes an approval back.
func (a actingOperator) Revoke(ctx context.Context, id, by string) (observe.Approval, error) {
	return acting(a.of, func(o *operate.Local) (observe.Approval, error) { return o.Revoke(ctx, id, by) })
}

// Reset goes on with what is known.
func (a actingOperator) Reset(ctx context.Context, q operate.ResetRequest) (operate.ResetAnswer, error) {
	return acting(a.of, func(o *operate.Local) (operate.ResetAnswer, error) { return o.Reset(ctx, q) })
}

// Grants are those given and held.
func (a actingOperator) Grants(ctx context.Context) ([]operate.Grant, error) {
	return acting(a.of, func(o *operate.Local) ([]operate.Grant, error) { return o.Grants(ctx) })
}

// Pauses are the links that are paused.
func (a actingOperator) Pauses(ctx context.Context) ([]cost.Pause, error) {
	return acting(a.of, func(o *operate.Local) ([]cost.Pause, error) { return o.Pauses(ctx) })
}

// SetPause pauses a link, or lets it go on.
func (a actingOperator) SetPause(ctx context.Context, link string, paused bool) ([]cost.Pause, error) {
	return acting(a.of, func(o *operate.Local) ([]cost.Pause, error) { return o.SetPause(ctx, link, paused) })
}

// Plan says what would move.
func (a actingOperator) Plan(ctx context.Context, q operate.PlanRequest) (operate.Plan, error) {
	return acting(a.of, func(o *operate.Local) (operate.Plan, error) { return o.Plan(ctx, q) })
}

// ReadyAt tells whether a selection is there.
func (a actingOperator) ReadyAt(ctx context.Context, q operate.ReadyRequest) (dgsync.Readiness, error) {
	return acting(a.of, func(o *operate.Local) (dgsync.Readiness, error) { return o.ReadyAt(ctx, q) })
}

// Snapshots of a dataset.
func (a actingOperator) Snapshots(ctx context.Context, dataset string) ([]manifest.SnapshotHeader, error) {
	return acting(a.of, func(o *operate.Local) ([]manifest.SnapshotHeader, error) { return o.Snapshots(ctx, dataset) })
}
