package daemon

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// fakeOperator notes what it was asked, and answers one of each.
type fakeOperator struct {
	asked    []any
	approved operate.ApproveRequest
	err      error
}

var (
	aTime = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	aNeed = operate.Need{Dataset: "c4", Destination: "lab", Shards: []string{"train/**"}, Asked: manifest.At(aTime), Value: 1}
	aPin  = operate.Pin{Owner: "run-7", Dataset: "c4", Snapshot: chunker.Digest{7}, Destination: "lab", Created: manifest.At(aTime), Live: true}
	// One field of each kind of number, so that a figure that is lost on the way is seen.
	anApproval = observe.Approval{
		Approval: manifest.Approval{ID: "a1", Budget: "b", ExtraNanoUSD: 5_000_000_001, ExtraBytes: 7, Reason: "r", By: "ann", At: manifest.At(aTime), Expires: manifest.At(aTime.Add(time.Hour))},
		ExtraUSD: 5_000_000_001, GivenUSD: 1, GivenBytes: 2, Live: true,
	}
	aReset     = manifest.Reset{ID: "r1", At: manifest.At(aTime), Reason: "looked", By: "ann", Doubts: []string{"d"}}
	aGrant     = operate.Grant{ID: "g1", Side: "given", Edge: "e", Dataset: "c4", From: "lake", State: "granted", Bytes: 9, USD: 3, Expires: &aTime}
	aPause     = cost.Pause{Link: "lake->lab", Since: aTime}
	aReadiness = dgsync.Readiness{Dataset: "c4", Destination: "lab", Snapshot: chunker.Digest{7}, Shards: 3, Missing: []dgsync.MissingShard{{Path: "a", Bytes: 1, Reason: "not here"}}, From: "manifest", Time: aTime}
	aHeader    = manifest.SnapshotHeader{ID: chunker.Digest{7}, Dataset: "c4", Taken: manifest.At(aTime), Shards: 3, Bytes: 30}
	aPlan      = operate.Plan{
		Dataset: "c4", Destination: "lab", Source: "azure:eastus", Agent: "onprem:lab1", Location: "onprem:lab1", Fits: true,
		Estimate: plan.Estimate{Ways: map[plan.Way]plan.Count{plan.Full: {Shards: 1, Bytes: 10}}, CrossingBytes: 10, USD: 11, Lines: []cost.Line{}},
		Shards:   []operate.Item{{Path: "a", Key: "c4/a", Bytes: 10, Way: "full"}}, Room: operate.Room{Removals: []operate.Removal{{Way: plan.Delete, Path: "b"}}},
	}
)

func (f *fakeOperator) note(args ...any) { f.asked = append(f.asked, args) }

func (f *fakeOperator) Needs(context.Context) ([]operate.Need, error) {
	return []operate.Need{aNeed}, f.err
}

func (f *fakeOperator) AskNeeds(_ context.Context, q operate.NeedRequest) ([]operate.Need, error) {
	f.note("ask", q)
	return []operate.Need{aNeed}, f.err
}

func (f *fakeOperator) DropNeeds(_ context.Context, q operate.NeedName) ([]operate.Need, error) {
	f.note("drop", q)
	return nil, f.err
}

func (f *fakeOperator) Pins(context.Context) ([]operate.Pin, error) {
	return []operate.Pin{aPin}, f.err
}

func (f *fakeOperator) Pin(_ context.Context, q operate.PinRequest) (operate.Pin, error) {
	f.note("pin", q)
	return aPin, f.err
}

func (f *fakeOperator) Unpin(_ context.Context, q operate.PinName) ([]operate.Pin, error) {
	f.note("unpin", q)
	return []operate.Pin{aPin}, f.err
}

func (f *fakeOperator) Decisions(context.Context) (operate.Decisions, error) {
	return operate.Decisions{Approvals: []observe.Approval{anApproval}, Resets: []manifest.Reset{aReset}}, f.err
}

func (f *fakeOperator) Approve(_ context.Context, q operate.ApproveRequest) (observe.Approval, error) {
	f.approved = q
	f.note("approve", q)
	return anApproval, f.err
}

func (f *fakeOperator) Revoke(_ context.Context, id, by string) (observe.Approval, error) {
	f.note("revoke", id, by)
	return anApproval, f.err
}

func (f *fakeOperator) Reset(_ context.Context, q operate.ResetRequest) (operate.ResetAnswer, error) {
	f.note("reset", q)
	return operate.ResetAnswer{Reset: true, What: &aReset}, f.err
}

func (f *fakeOperator) Grants(context.Context) ([]operate.Grant, error) {
	return []operate.Grant{aGrant}, f.err
}

func (f *fakeOperator) Pauses(context.Context) ([]cost.Pause, error) {
	return []cost.Pause{aPause}, f.err
}

func (f *fakeOperator) SetPause(_ context.Context, link string, paused bool) ([]cost.Pause, error) {
	f.note("pause", link, paused)
	return []cost.Pause{aPause}, f.err
}

func (f *fakeOperator) Plan(_ context.Context, q operate.PlanRequest) (operate.Plan, error) {
	f.note("plan", q)
	return aPlan, f.err
}

func (f *fakeOperator) ReadyAt(_ context.Context, q operate.ReadyRequest) (dgsync.Readiness, error) {
	f.note("ready", q)
	return aReadiness, f.err
}

func (f *fakeOperator) Snapshots(_ context.Context, dataset string) ([]manifest.SnapshotHeader, error) {
	f.note("snapshots", dataset)
	return []manifest.SnapshotHeader{aHeader}, f.err
}

// What is asked of a client arrives, to the last field, and so does the answer.
func TestWishesRoundTrip(t *testing.T) {
	f := &fakeOperator{}
	path, _ := serve(t, Options{Operator: f, RunTimer: func(name string) error { f.note("run", name); return nil }, Reload: func() ([]string, error) { f.note("reload"); return []string{"links"}, nil }})
	c, ctx := dial(t, path), context.Background()
	got := func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
	want := map[string][2]any{}
	ask := operate.NeedRequest{Dataset: "c4", Snapshot: "abc", Shards: []string{"a&b", "**"}, Destinations: []string{"lab", "far"}, NeedBy: &aTime, Priority: -3, Value: 4, Job: "j", Team: "t"}
	drop := operate.NeedName{Dataset: "c4", Shards: []string{"a,b", "c"}, Destinations: []string{"lab", "far"}}
	pin := operate.PinRequest{Owner: "run-7", Dataset: "c4", Snapshot: "ab", Destination: "lab", Expires: &aTime}
	unpin := operate.PinName{Owner: "run-7", Destination: "lab", Dataset: "c4"}
	approve := operate.ApproveRequest{Budget: "b", ExtraUSD: 1_500_000_001, ExtraBytes: 3, Reason: "why", Expires: aTime, By: "ann@host"}
	reset := operate.ResetRequest{Budget: "b", Reason: "looked", By: "ann@host"}
	planned := operate.PlanRequest{Dataset: "c4", Destination: "lab", Shards: []string{"*"}, BitsPerSecond: 5, KeepSeconds: 6, Check: true, Adopt: "read", ListShards: true}
	ready := operate.ReadyRequest{Dataset: "c4", Snapshot: "ab", Destination: "lab", Shards: []string{"x", "y,z"}, MaxAge: time.Minute}
	want["needs"] = [2]any{got(c.Needs(ctx)), []operate.Need{aNeed}}
	want["ask"] = [2]any{got(c.AskNeeds(ctx, ask)), []operate.Need{aNeed}}
	want["drop"] = [2]any{got(c.DropNeeds(ctx, drop)), []operate.Need{}}
	want["pins"] = [2]any{got(c.Pins(ctx)), []operate.Pin{aPin}}
	want["pin"] = [2]any{got(c.Pin(ctx, pin)), aPin}
	want["unpin"] = [2]any{got(c.Unpin(ctx, unpin)), []operate.Pin{aPin}}
	want["decisions"] = [2]any{got(c.Decisions(ctx)), operate.Decisions{Approvals: []observe.Approval{anApproval}, Resets: []manifest.Reset{aReset}}}
	want["approve"] = [2]any{got(c.Approve(ctx, approve)), anApproval}
	want["revoke"] = [2]any{got(c.Revoke(ctx, "a/1", "ann")), anApproval}
	want["reset"] = [2]any{got(c.Reset(ctx, reset)), operate.ResetAnswer{Reset: true, What: &aReset}}
	want["grants"] = [2]any{got(c.Grants(ctx)), []operate.Grant{aGrant}}
	want["pauses"] = [2]any{got(c.Pauses(ctx)), []cost.Pause{aPause}}
	want["pause"] = [2]any{got(c.SetPause(ctx, "lake->lab", true)), []cost.Pause{aPause}}
	want["resume"] = [2]any{got(c.SetPause(ctx, "*", false)), []cost.Pause{aPause}}
	want["plan"] = [2]any{got(c.Plan(ctx, planned)), aPlan}
	want["ready"] = [2]any{got(c.ReadyAt(ctx, ready)), aReadiness}
	want["snapshots"] = [2]any{got(c.Snapshots(ctx, "c4")), []manifest.SnapshotHeader{aHeader}}
	got(nil, c.RunTimer(ctx, "verify"))
	want["reload"] = [2]any{got(c.Reload(ctx)), []string{"links"}}
	for what, pair := range want {
		if d := cmp.Diff(pair[1], pair[0], cmp.AllowUnexported(plan.Estimate{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	arrived := []any{
		[]any{"ask", ask}, []any{"drop", drop}, []any{"pin", pin}, []any{"unpin", unpin}, []any{"approve", approve}, []any{"revoke", "a/1", "ann"}, []any{"reset", reset},
		[]any{"pause", "lake->lab", true}, []any{"pause", "*", false}, []any{"plan", planned}, []any{"ready", ready}, []any{"snapshots", "c4"}, []any{"run", "verify"}, []any{"reload"},
	}
	if d := cmp.Diff(arrived, f.asked); d != "" {
		t.Errorf("what arrived (-want +got):\n%s", d)
	}
}

// An error of the operator's is the same error on the other side, with its exit code and what to do.
func TestMistakesCrossTheSocket(t *testing.T) {
	f := &fakeOperator{err: operate.ErrMistake}
	path, _ := serve(t, Options{Operator: f})
	c, ctx := dial(t, path), context.Background()
	_, err := c.Pin(ctx, operate.PinRequest{Owner: "a", Dataset: "c4", Destination: "lab"})
	var remote *Error
	if !errors.Is(err, operate.ErrMistake) || !errors.As(err, &remote) || remote.Status != 400 || remote.Hint == "" {
		t.Errorf("%v", err)
	}
	f.err = dgsync.ErrNoNeed
	if _, err := c.DropNeeds(ctx, operate.NeedName{Dataset: "c4", Destinations: []string{"lab"}}); !errors.Is(err, dgsync.ErrNoNeed) {
		t.Errorf("%v", err)
	}
	silent, _ := serve(t, Options{})
	c = dial(t, silent)
	for what, err := range map[error]error{
		errNoOperator: func() error { _, err := c.Needs(ctx); return err }(), errNoReload: func() error { _, err := c.Reload(ctx); return err }(), errNoTimers: c.RunTimer(ctx, "verify"),
	} {
		if !errors.Is(err, what) || !errors.As(err, &remote) || remote.Status != 501 {
			t.Errorf("a holder that does not: %v, want %v", err, what)
		}
	}
}
