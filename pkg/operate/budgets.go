package operate

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Decisions are what people decided about budgets.
type Decisions struct {
	Approvals []observe.Approval `json:"approvals"`
	Resets    []manifest.Reset   `json:"resets"`
}

// ApproveRequest lets more be spent than a budget's limit: by one budget, or for one job.
type ApproveRequest struct {
	Budget     string       `json:"budget,omitempty" doc:"a configured budget; or a job" maxLength:"256"`
	Job        string       `json:"job,omitempty" doc:"a job: it counts in each budget that counts the job; or a budget" maxLength:"128"`
	ExtraUSD   cost.NanoUSD `json:"extra_usd,omitempty" doc:"US dollars beyond the limit" minimum:"0"`
	ExtraBytes int64        `json:"extra_bytes,omitempty" doc:"bytes beyond the limit" minimum:"0"`
	Reason     string       `json:"reason" doc:"why; it is recorded" maxLength:"2000"`
	Expires    time.Time    `json:"expires" doc:"until when it counts"`
	// By is who gives it. The API believes it from its own user alone, and says itself whose token it was.
	By string `json:"by,omitempty" doc:"who gives it; over TCP it is the token's name, whatever is said here" maxLength:"256"`
}

// ResetRequest says that somebody has looked at the bill after the account was lost.
type ResetRequest struct {
	Budget string `json:"budget,omitempty" doc:"one budget; without it, all" maxLength:"256"`
	Reason string `json:"reason" doc:"why what is known now is right; it is recorded" maxLength:"2000"`
	By     string `json:"by,omitempty" doc:"who says so; over TCP it is the token's name, whatever is said here" maxLength:"256"`
}

// ResetAnswer says what was reset; false and null: nothing was in doubt.
type ResetAnswer struct {
	Reset bool            `json:"reset"`
	What  *manifest.Reset `json:"what"`
}

// Decisions are all approvals and resets.
func (l *Local) Decisions(context.Context) (out Decisions, err error) {
	list, err := l.ledger().Approvals()
	if err != nil {
		return out, err
	}
	out.Approvals = observe.ApprovalsOf(list, l.now())
	if out.Resets, err = l.ledger().Resets(); out.Resets == nil {
		out.Resets = []manifest.Reset{}
	}
	return out, err
}

// Approve lets more be spent.
func (l *Local) Approve(_ context.Context, q ApproveRequest) (out observe.Approval, err error) {
	if err := known("budget", q.Budget, l.Catalog.Budgets()); err != nil {
		return out, err
	}
	if q.Job != "" && !jobs.ValidName(q.Job) {
		return out, mistakef("job %q: use up to 128 letters, digits and ._:@/-, a letter or digit first", q.Job)
	}
	made, err := l.ledger().Approve(cost.NewApproval{
		Budget: q.Budget, Job: q.Job, ExtraNanoUSD: q.ExtraUSD, ExtraBytes: q.ExtraBytes, Reason: q.Reason, By: q.By, Expires: q.Expires,
	})
	return l.decided(made, err)
}

// decided describes an approval that was given or taken back.
func (l *Local) decided(a manifest.Approval, err error) (observe.Approval, error) {
	if err != nil {
		return observe.Approval{}, decision(err)
	}
	l.changed()
	return observe.ApprovalOf(a, l.now()), nil
}

// decision makes a mistake of a decision that cannot be made as it was asked for.
func decision(err error) error {
	if errors.Is(err, cost.ErrDecision) {
		return mistake{err}
	}
	return err
}

// Revoke takes an approval back.
func (l *Local) Revoke(_ context.Context, id, by string) (observe.Approval, error) {
	gone, err := l.ledger().Revoke(id, by)
	if errors.Is(err, cost.ErrDecision) {
		return observe.Approval{}, mistakef("%w; datagravity budget approvals lists them", err)
	}
	return l.decided(gone, err)
}

// Reset goes on with what is known to be spent.
func (l *Local) Reset(_ context.Context, q ResetRequest) (out ResetAnswer, err error) {
	if err := known("budget", q.Budget, l.Catalog.Budgets()); err != nil {
		return out, err
	}
	r, ok, err := l.ledger().Reset(q.Budget, q.Reason, q.By)
	if err != nil {
		return out, decision(err)
	}
	if ok {
		out.Reset, out.What = true, &r
		l.changed()
	}
	return out, nil
}
