package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon/metrics"
	"github.com/datagravity/datagravity/pkg/daemon/notify"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newNotify(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "notify", Short: "Who is told when something happens: list, test",
		Long: `The daemon tells the targets under notify in the configuration when a job is ready or will be late, when a budget runs out, when damage
is found, and when it does not get on. Each event is delivered at least once: what a target does not take is tried again for a day.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(asks(newNotifyList(g)), newNotifyTest(g))
	return c
}

// targetJSON is a target as notify list prints it.
type targetJSON struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"` // webhook or command
	Events []string `json:"events"`
	// Pending notices, when the oldest of them happened, when the next attempt is, and why the last one failed.
	Pending int        `json:"pending"`
	Oldest  *time.Time `json:"oldest"`
	Next    *time.Time `json:"next_attempt"`
	Why     string     `json:"why,omitempty"`
}

func newNotifyList(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The targets, what they are told of, and what still waits for each", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			a, err := g.begin(engine.Options{})
			if err != nil {
				return err
			}
			defer closing(a, &err)
			list, err := a.listTargets()
			if err != nil {
				return err
			}
			if g.json {
				return g.printJSON(list)
			}
			if len(list) == 0 {
				_, err = fmt.Fprintln(g.out, "nobody is told: there is no notify in the configuration")
				return err
			}
			t := newTable(g.out)
			t.row("NAME", "KIND", "EVENTS", "PENDING", "NEXT ATTEMPT", "WHY")
			for _, one := range list {
				next := ""
				if one.Next != nil {
					next = one.Next.Format(time.RFC3339)
				}
				t.row(one.Name, one.Kind, strings.Join(one.Events, ","), one.Pending, next, one.Why)
			}
			return t.flush()
		},
	}
}

func (a *app) listTargets() ([]targetJSON, error) {
	list := []targetJSON{}
	err := a.m.View(func(tx *manifest.Tx) error {
		for _, n := range a.cfg.Notify {
			one := targetJSON{Name: n.Name, Kind: "webhook", Events: n.Events}
			if n.Command != nil {
				one.Kind = "command"
			}
			if len(n.Events) == 0 {
				one.Events = []string{"*"}
			}
			var next, oldest manifest.Millis
			err := tx.Notices(n.Name, func(w manifest.Notice) (bool, error) {
				if one.Pending++; one.Pending == 1 {
					oldest, next = w.At, w.Next
				}
				if next = min(next, w.Next); w.Why != "" {
					one.Why = w.Why
				}
				return true, nil
			})
			if err != nil {
				return err
			}
			if oldest != 0 {
				at := oldest.Time()
				one.Oldest = &at
			}
			if next != 0 {
				at := next.Time()
				one.Next = &at
			}
			list = append(list, one)
		}
		return nil
	})
	return list, err
}

func newNotifyTest(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Send a test event to a target now, once, and say what came of it", Args: cobra.ExactArgs(1),
		Long: `Sends an event of the type "test" to one target, whatever events it wants, signed as others are. Nothing is queued, and the daemon need
not run. Exit code 1 if the target did not take it.`,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := g.load()
			if err != nil {
				return err
			}
			return errors.Join(a.testTarget(c.Context(), args[0]), a.Close())
		},
	}
}

func (a *app) testTarget(ctx context.Context, name string) error {
	var names []string
	for i, n := range a.cfg.Notify {
		names = append(names, n.Name)
		if n.Name != name {
			continue
		}
		t, err := a.target(i)
		if err != nil {
			return err
		}
		began := time.Now()
		failed := notify.SendTest(ctx, t, a.notifyAgent(), began)
		took := time.Since(began)
		if a.json {
			out := map[string]any{"target": name, "where": t.Sender.Where(), "delivered": failed == nil, "seconds": took.Seconds()}
			if failed != nil {
				out["error"] = failed.Error()
			}
			return sayingToo(a.globals, a.printJSON(out), failed)
		}
		if failed != nil {
			return fmt.Errorf("%s did not take it: %w", name, failed)
		}
		_, err = fmt.Fprintf(a.out, "%s took it (%s, %s)\n", name, t.Sender.Where(), took.Round(time.Millisecond))
		return err
	}
	return usageError{config.UnknownName("target of notifications", name, names)}
}

func (a *app) notifyAgent() notify.Agent {
	return notify.Agent{Name: a.cfg.Agent.NameOr(os.Hostname), Location: a.cfg.Agent.Location.String()}
}

// target makes one of the configuration's, with its secrets. Errors: [*config.Error].
func (a *app) target(i int) (t notify.Target, err error) {
	n := a.cfg.Notify[i]
	t.Name, t.Events = n.Name, n.Events
	if n.Command != nil {
		t.Sender = notify.NewCommand(n.Command.Run, time.Duration(n.Command.Timeout))
		return t, nil
	}
	wrong := func(field string, err error) error {
		return &config.Error{Path: a.cfg.Path, Field: fmt.Sprintf("notify[%d].webhook.%s", i, field), Message: err.Error()}
	}
	w := n.Webhook
	o := notify.WebhookOptions{URL: w.URL, Timeout: time.Duration(w.Timeout), Now: time.Now}
	if w.URLFrom != nil {
		if o.URL, err = w.URLFrom.Read(); err != nil {
			return t, wrong("url_from", err)
		}
		if why := config.CheckWebhookURL(o.URL, a.cfg.Agent.AllowInsecure); why != "" {
			return t, wrong("url_from", errors.New("what is found there "+why))
		}
	}
	if o.Secret, err = w.Secret.Read(); err != nil {
		return t, wrong("secret", err)
	}
	if o.Headers, err = config.ReadAll(w.Headers); err != nil {
		return t, wrong("headers", err)
	}
	if u, err := url.Parse(o.URL); err == nil {
		o.Loopback = a.cfg.Agent.AllowInsecure || config.Loopback(u.Hostname())
	}
	if t.Sender, err = notify.NewWebhook(o); err != nil {
		return t, wrong("secret", err)
	}
	return t, nil
}

// notifies finds who is told, in a daemon, and makes what tells them. Where that is there already, of the program before, it tells the new ones from when this
// program works.
func (a *app) notifies() error {
	if a.role != "daemon" {
		return nil
	}
	a.targets = nil
	for i := range a.cfg.Notify {
		t, err := a.target(i)
		if err != nil {
			return err
		}
		a.targets = append(a.targets, t)
	}
	if a.teller != nil {
		return nil
	}
	n, err := notify.New(notify.Options{Manifest: a.m, Ledger: a.ledger, Agent: a.notifyAgent(), Targets: a.targets, Healthy: a.healthy, Log: a.log})
	if err != nil {
		return err
	}
	a.teller = n
	a.problems.Watch(n.Found)
	return nil
}

// notices are what the metrics tell of it.
func (a *app) notices() map[string]metrics.Notices {
	out := map[string]metrics.Notices{}
	if a.teller == nil {
		return out
	}
	for name, c := range a.teller.Counts() {
		out[name] = metrics.Notices(c)
	}
	return out
}
