package notify

import (
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// freshAlerts is how old an alert can be that is still told, when somebody wants it only now.
const freshAlerts = manifest.Millis(24 * time.Hour / time.Millisecond)

// budgets takes over the alerts that nobody told yet, and notices budgets whose account is in doubt.
func (n *Notifier) budgets() error {
	var c change
	n.mu.Lock()
	since, ledger := n.begun, n.ledger
	n.mu.Unlock()
	list, err := ledger.Alerts("")
	if err != nil {
		return err
	}
	now := manifest.At(n.o.Manifest.Now())
	for _, a := range list {
		e := alertEvent(a)
		if a.Delivered != 0 || a.At < max(since, now-freshAlerts) || !n.wanted(e.kind) {
			continue
		}
		c.alerts = append(c.alerts, a)
		c.events = append(c.events, e)
	}
	uses, err := ledger.Uses()
	if err != nil {
		return err
	}
	for _, u := range uses {
		n.mu.Lock()
		was, known := n.states[name{aBudget, u.Budget.Name}]
		n.mu.Unlock()
		is := manifest.Noticed{Kind: aBudget, Name: u.Budget.Name, State: short(u.Doubt), At: now}
		switch {
		case is.State == was.State:
		case is.State == "" && known:
			c.remove = append(c.remove, was)
		default:
			c.put = append(c.put, is)
			c.events = append(c.events, event{
				BudgetDoubt,
				fmt.Sprintf("Nobody knows what budget %s has spent in %s: %s. All of it counts as spent until budget reset.", u.Budget.Name, u.Window, u.Doubt),
				map[string]any{"budget": u.Budget.Name, "window": u.Window, "why": short(u.Doubt)},
			})
		}
	}
	return n.record(c)
}

// alertEvent is what is told of an alert.
func alertEvent(a manifest.Alert) event {
	data := map[string]any{"alert": observe.AlertOf(a)}
	used := cost.NanoUSD(a.UsedNanoUSD)
	if a.Kind == manifest.AlertAsk {
		what := "dataset " + a.Dataset
		if a.Job != "" {
			what = "job " + a.Job
		}
		return event{BudgetAsk, fmt.Sprintf("Budget %s asks for an approval: %s needs %s and %d bytes more than is left in %s.",
			a.Budget, what, cost.NanoUSD(a.MoreNanoUSD), a.MoreBytes, a.Window), data}
	}
	return event{BudgetThreshold, fmt.Sprintf("Budget %s has reached %s of its limit in %s: %s and %d bytes are spent or reserved.",
		a.Budget, cost.ShareText(a.Share), a.Window, used, a.UsedBytes), data}
}
