package observe

import (
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Budget is how a budget stands in its window. Limits and what is left are null where there is no limit of that kind.
type Budget struct {
	Name    string `json:"name"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	Team    string `json:"team,omitempty"`
	Job     string `json:"job,omitempty"`
	Period  string `json:"period"`
	Zone    string `json:"zone"`
	AtLimit string `json:"at_limit"` // hold or ask
	Window  string `json:"window"`
	// Bounds of the window, null where it has none.
	WindowFrom    *time.Time    `json:"window_from"`
	WindowUntil   *time.Time    `json:"window_until"`
	LimitUSD      *cost.NanoUSD `json:"limit_usd"`
	ExtraUSD      cost.NanoUSD  `json:"extra_usd"`
	SpentUSD      cost.NanoUSD  `json:"spent_usd"`
	ReservedUSD   cost.NanoUSD  `json:"reserved_usd"`
	LeftUSD       *cost.NanoUSD `json:"left_usd"`
	LimitBytes    *int64        `json:"limit_bytes"`
	ExtraBytes    int64         `json:"extra_bytes"`
	SpentBytes    int64         `json:"spent_bytes"`
	ReservedBytes int64         `json:"reserved_bytes"`
	LeftBytes     *int64        `json:"left_bytes"`
	// What is spent in a day on average, and what will be by the window's end at this pace; null without an end, and within the first hour.
	PerDayUSD    cost.NanoUSD  `json:"usd_per_day"`
	PerDayBytes  int64         `json:"bytes_per_day"`
	ForecastUSD  *cost.NanoUSD `json:"forecast_usd"`
	ForecastByte *int64        `json:"forecast_bytes"`
	// ExhaustedAt is when nothing is left at this pace; null: not within the window.
	ExhaustedAt *time.Time `json:"exhausted_at"`
	// Doubt is why nobody knows what was spent, "" if it is known. All of the window then counts as spent.
	Doubt string `json:"doubt,omitempty"`
}

// BudgetOf describes how a budget is used, and where it goes from here.
func BudgetOf(report cost.BudgetReport) Budget {
	u, b := report.Use, report.Budget
	r := Budget{
		Name: b.Name, From: b.From, To: b.To, Dataset: b.Dataset, Team: b.Team, Job: b.Job, Period: b.Period.String(), Zone: "UTC", AtLimit: "hold",
		Window: u.Window, WindowFrom: timeOrNull(u.From), WindowUntil: timeOrNull(u.Until), ExtraUSD: u.ExtraNanoUSD, SpentUSD: u.Settled, ReservedUSD: u.Reserved,
		ExtraBytes: u.ExtraBytes, SpentBytes: u.SettledBytes, ReservedBytes: u.ReservedBytes, Doubt: u.Doubt,
		PerDayUSD: report.PaceNanoUSD, PerDayBytes: report.PaceBytes, ExhaustedAt: timeOrNull(report.Exhausted),
	}
	if report.Forecast != nil {
		r.ForecastUSD, r.ForecastByte = &report.Forecast.NanoUSD, &report.Forecast.Bytes
	}
	if b.Period.Zone != nil {
		r.Zone = b.Period.Zone.String()
	}
	if b.Ask {
		r.AtLimit = "ask"
	}
	usd, bytes := u.Left()
	if b.LimitNanoUSD > 0 {
		r.LimitUSD, r.LeftUSD = &b.LimitNanoUSD, &usd
	}
	if b.LimitBytes > 0 {
		r.LimitBytes, r.LeftBytes = &b.LimitBytes, &bytes
	}
	return r
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// BudgetDetail is a budget day by day, where it goes from here, and what was decided and told about it.
type BudgetDetail struct {
	Budget
	// Burndown has the days on which anything was spent, and what was left of the limit at their end.
	Burndown  []Day      `json:"burndown"`
	Approvals []Approval `json:"approvals"`
	Alerts    []Alert    `json:"alerts"`
}

// Day is what was spent in a day, and left at its end; null where that is not known.
type Day struct {
	Day       string        `json:"day"`
	USD       cost.NanoUSD  `json:"usd"`
	Bytes     int64         `json:"bytes"`
	LeftUSD   *cost.NanoUSD `json:"left_usd"`
	LeftBytes *int64        `json:"left_bytes"`
}

// Alert is an alert with its money in dollars.
type Alert struct {
	manifest.Alert
	Reached string       `json:"reached,omitempty"`
	UsedUSD cost.NanoUSD `json:"used_usd"`
	MoreUSD cost.NanoUSD `json:"more_usd,omitempty"`
}

// AlertOf describes an alert.
func AlertOf(a manifest.Alert) Alert {
	out := Alert{Alert: a, UsedUSD: cost.NanoUSD(a.UsedNanoUSD), MoreUSD: cost.NanoUSD(a.MoreNanoUSD)}
	if a.Kind == manifest.AlertThreshold {
		out.Reached = cost.ShareText(a.Share)
	}
	return out
}

// Approval is an approval with its money in dollars.
type Approval struct {
	manifest.Approval
	ExtraUSD cost.NanoUSD `json:"extra_usd"`
	// GivenUSD and GivenBytes are what was taken of it, by all budgets together.
	GivenUSD   cost.NanoUSD `json:"given_usd"`
	GivenBytes int64        `json:"given_bytes"`
	Live       bool         `json:"live"`
}

// ApprovalOf describes an approval as it stands at a time.
func ApprovalOf(a manifest.Approval, now time.Time) Approval {
	out := Approval{Approval: a, ExtraUSD: cost.NanoUSD(a.ExtraNanoUSD), Live: a.Live(manifest.At(now))}
	for _, d := range a.Given {
		out.GivenUSD = cost.AddNanoUSD(out.GivenUSD, cost.NanoUSD(d.NanoUSD))
		out.GivenBytes += d.Bytes
	}
	return out
}

// ApprovalsOf describes several.
func ApprovalsOf(list []manifest.Approval, now time.Time) []Approval {
	out := make([]Approval, len(list))
	for i, a := range list {
		out[i] = ApprovalOf(a, now)
	}
	return out
}

// BudgetDetailOf describes a report of the ledger.
func BudgetDetailOf(r cost.BudgetReport, now time.Time) BudgetDetail {
	out := BudgetDetail{Budget: BudgetOf(r), Burndown: burndown(r), Approvals: ApprovalsOf(r.Approvals, now), Alerts: []Alert{}}
	for _, one := range r.Alerts {
		out.Alerts = append(out.Alerts, AlertOf(one))
	}
	return out
}

// burndown says what was left at the end of each day. Of a window that slides or never began only the days are known.
func burndown(r cost.BudgetReport) []Day {
	out := []Day{}
	usd, bytes := cost.AddNanoUSD(r.Budget.LimitNanoUSD, r.ExtraNanoUSD), r.Budget.LimitBytes+r.ExtraBytes
	whole := !r.From.IsZero() && !r.Until.IsZero()
	for _, d := range r.Days {
		row := Day{Day: d.Day, USD: d.NanoUSD, Bytes: d.Bytes}
		usd, bytes = max(0, usd-d.NanoUSD), max(0, bytes-d.Bytes)
		if left := usd; whole && r.Budget.LimitNanoUSD > 0 {
			row.LeftUSD = &left
		}
		if left := bytes; whole && r.Budget.LimitBytes > 0 {
			row.LeftBytes = &left
		}
		out = append(out, row)
	}
	return out
}

// Budgets tells how each stands.
func (r *Reader) Budgets() ([]Budget, error) {
	reports, err := r.Ledger.Reports()
	list := make([]Budget, 0, len(reports))
	for _, one := range reports {
		list = append(list, BudgetOf(one))
	}
	return list, err
}

// Budget tells of one, day by day. Errors: [cost.ErrNoBudget].
func (r *Reader) Budget(name string) (BudgetDetail, error) {
	report, err := r.Ledger.Report(name)
	if err != nil {
		return BudgetDetail{}, err
	}
	return BudgetDetailOf(report, r.Manifest.Now()), nil
}
