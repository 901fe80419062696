package daemon

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
)

const moneyTag = "money"

// aboutMoney are the operations about budgets and the ledger.
func (s *Server) aboutMoney(a huma.API) {
	listing(s, a, "/v1/budgets", "list-budgets", "How each budget stands in its window",
		func(_ context.Context, from *observe.Reader) ([]observe.Budget, error) { return from.Budgets() },
		func(b observe.Budget) string { return b.Name })
	reading(s, a, "/v1/budgets/{name}", "show-budget", "A budget day by day, its forecast, approvals and alerts",
		func(_ context.Context, from *observe.Reader, in *struct {
			Name string `path:"name" doc:"the budget's name, escaped: it is one segment" maxLength:"1024"`
		}) (observe.BudgetDetail, error) {
			return from.Budget(in.Name)
		})
	s.aboutSpend(a)
	enumerating(s, a, of(access.Read, http.MethodGet, "/v1/approvals", "list-approvals", "All approvals, those that are over too", moneyTag),
		func(ctx context.Context, o operate.Operator) ([]observe.Approval, error) {
			d, err := o.Decisions(ctx)
			return d.Approvals, err
		}, func(one observe.Approval) string { return one.ID })
	operating(s, a, described(once(of(access.Budget, http.MethodPost, "/v1/approvals", "approve", "Let more be spent than a budget's limit, once and for a time", moneyTag)),
		"With budget it is for everything that the budget counts; with job for that job alone, in each budget that counts it."),
		func(ctx context.Context, o operate.Operator, in *body[operate.ApproveRequest]) (observe.Approval, error) {
			in.Body.By = principalOf(ctx).by(in.Body.By)
			return o.Approve(ctx, in.Body)
		})
	operating(s, a, of(access.Budget, http.MethodDelete, "/v1/approvals/{id}", "revoke", "Take an approval back; what it gave and was not spent is held again", moneyTag),
		func(ctx context.Context, o operate.Operator, in *struct {
			ID string `path:"id" maxLength:"1024"`
			By string `query:"by" doc:"who does; over TCP it is the token's name, whatever is said here" maxLength:"256"`
		}) (observe.Approval, error) {
			return o.Revoke(ctx, in.ID, principalOf(ctx).by(in.By))
		})
	enumerating(s, a, of(access.Read, http.MethodGet, "/v1/resets", "list-resets", "All resets of budgets whose account was lost", moneyTag),
		func(ctx context.Context, o operate.Operator) ([]manifest.Reset, error) {
			d, err := o.Decisions(ctx)
			return d.Resets, err
		}, func(r manifest.Reset) string { return r.ID })
	operating(s, a, once(of(access.Budget, http.MethodPost, "/v1/resets", "reset", "Go on with what is known to be spent, after the account was lost", moneyTag)),
		func(ctx context.Context, o operate.Operator, in *body[operate.ResetRequest]) (operate.ResetAnswer, error) {
			in.Body.By = principalOf(ctx).by(in.Body.By)
			return o.Reset(ctx, in.Body)
		})
	enumerating(s, a, of(access.Read, http.MethodGet, "/v1/grants", "list-grants", "What agents elsewhere may read on this one's budgets, or this one on another's", moneyTag),
		func(ctx context.Context, o operate.Operator) ([]operate.Grant, error) { return o.Grants(ctx) },
		func(g operate.Grant) string { return g.Side + g.ID })
}

func (s *Server) aboutSpend(a huma.API) {
	type question struct {
		Paging
		By      string `query:"by" required:"true" doc:"what is summed by" enum:"activity,dataset,day,job,link,month,price,shard,state,team"`
		Month   string `query:"month" doc:"only of a month, for example 2026-11" maxLength:"16"`
		Team    string `query:"team" doc:"only of a team" maxLength:"256"`
		Job     string `query:"job" doc:"only of a job" maxLength:"256"`
		Dataset string `query:"dataset" doc:"only of a dataset" maxLength:"256"`
	}
	register(s, a, of(access.Read, http.MethodGet, "/v1/spend", "spend", "What crossed, and what it cost, from the ledger", moneyTag),
		func(_ context.Context, in *question) (*paged[observe.SpendRow], error) {
			if s.o.Reader == nil {
				return nil, errNoReader
			}
			rows, err := s.o.Reader.Spend(observe.SpendQuery{By: in.By, Month: in.Month, Team: in.Team, Job: in.Job, Dataset: in.Dataset})
			if err != nil {
				return nil, err
			}
			return page(in.Paging, "/v1/spend", spendQuery(observe.SpendQuery{By: in.By, Month: in.Month, Team: in.Team, Job: in.Job, Dataset: in.Dataset}), rows,
				func(r observe.SpendRow) string { return r.Key })
		})
}

// spendQuery is a question in a URL.
func spendQuery(q observe.SpendQuery) url.Values {
	v := url.Values{"by": {q.By}}
	for name, value := range map[string]string{"month": q.Month, "team": q.Team, "job": q.Job, "dataset": q.Dataset} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}
