package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
)

type approveFlags struct {
	budget, job, extra, extraBytes, reason, expires string
}

func newApprove(g *globals) *cobra.Command {
	var o approveFlags
	c := &cobra.Command{
		Use: "approve {--budget NAME | --job ID} --extra USD --reason TEXT --expires WHEN", Short: "Let more be spent than a budget's limit, once and for a time",
		Long: `The approval is recorded with who gave it. Until it expires, what does not fit takes from it what is missing; what one window took is gone for
the next. With --budget it is for everything that the budget counts; with --job for that job alone, in each budget that counts it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runApprove(c.Context(), g, o) },
	}
	c.Flags().StringVar(&o.budget, "budget", "", "the budget, by its name in the configuration")
	c.Flags().StringVar(&o.job, "job", "", "the job, as sync --job names it")
	c.Flags().StringVar(&o.extra, "extra", "", "US dollars beyond the limit, for example 200")
	c.Flags().StringVar(&o.extraBytes, "extra-bytes", "", "bytes beyond the limit, for example 1TiB")
	c.Flags().StringVar(&o.reason, "reason", "", "why; it is recorded")
	c.Flags().StringVar(&o.expires, "expires", "", "until when it counts: 24h, 7d, or 2026-12-01T08:00:00Z")
	return c
}

func runApprove(ctx context.Context, g *globals, o approveFlags) (err error) {
	q := operate.ApproveRequest{Budget: o.budget, Job: o.job, Reason: o.reason, By: whoami()}
	switch {
	case o.extra == "" && o.extraBytes == "":
		return usageError{errors.New("--extra USD or --extra-bytes SIZE is missing")}
	case o.expires == "":
		return usageError{errors.New("--expires is missing: an approval must end, for example --expires 24h")}
	}
	if o.extra != "" {
		if q.ExtraUSD, err = cost.ParseUSD(o.extra); err != nil {
			return usageError{fmt.Errorf("--extra: %w", err)}
		}
	}
	if o.extraBytes != "" {
		bytes, err := config.ParseSize(o.extraBytes)
		if err != nil {
			return usageError{fmt.Errorf("--extra-bytes: %w", err)}
		}
		q.ExtraBytes = int64(bytes)
	}
	if q.Expires, err = parseWhen("--expires", o.expires, time.Now()); err != nil {
		return usageError{err}
	}
	return withOperator(ctx, g, func(by operate.Operator) error {
		doc, err := by.Approve(ctx, q)
		if err != nil {
			return err
		}
		if g.json {
			return g.printJSON(doc)
		}
		_, err = fmt.Fprintf(g.out, "approved: %s\n", approvalText(doc))
		return err
	})
}

// parseWhen reads a length of time from now on (24h, 7d), or a time.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	number, inDays := strings.CutSuffix(text, "d")
	if days, err := strconv.Atoi(number); inDays && err == nil && days > 0 && days < 10_000 {
		return now.AddDate(0, 0, days), nil
	}
	if length, err := time.ParseDuration(text); err == nil && length > 0 {
		return now.Add(length), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s %q: want a length of time from now on (24h, 7d), or a time with its zone (2026-12-01T08:00:00Z)", flag, text)
	}
	return at, nil
}

// whoami is the user of this process and its machine; for sudo the user who called it, too.
func whoami() string {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if caller := os.Getenv("SUDO_USER"); caller != "" && caller != name {
		name = caller + " as " + name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return name + "@" + host
}

// approvalText is a line for people.
func approvalText(a observe.Approval) string {
	what := "budget " + a.Budget
	if a.Job != "" {
		what = "job " + a.Job
	}
	var extra []string
	if a.ExtraUSD > 0 {
		extra = append(extra, a.ExtraUSD.String())
	}
	if a.ExtraBytes > 0 {
		extra = append(extra, size(a.ExtraBytes))
	}
	state := "until " + a.Expires.Time().Format(time.RFC3339)
	switch {
	case a.Revoked != 0:
		state = fmt.Sprintf("taken back at %s by %s", a.Revoked.Time().Format(time.RFC3339), a.RevokedBy)
	case !a.Live:
		state = "expired at " + a.Expires.Time().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s for %s, %s, by %s at %s: %s (%s)", strings.Join(extra, " and "), what, state, a.By, a.At.Time().Format(time.RFC3339), a.Reason, a.ID)
}

func newApprovals(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "approvals", Short: "List all approvals and resets, those that are over too", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withReading(c.Context(), g, func(by operate.Operator) error {
				d, err := by.Decisions(c.Context())
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(d)
				}
				for _, one := range d.Approvals {
					_, _ = fmt.Fprintf(g.out, "approved: %s\n", approvalText(one))
				}
				for _, r := range d.Resets {
					_, _ = fmt.Fprintf(g.out, "reset: %s\n", resetText(r))
				}
				if len(d.Approvals)+len(d.Resets) == 0 {
					_, err = fmt.Fprintln(g.out, "nothing was approved or reset")
				}
				return err
			})
		},
	}
}

func newRevoke(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Take an approval back; what it gave and was not spent is held again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withOperator(c.Context(), g, func(by operate.Operator) error {
				doc, err := by.Revoke(c.Context(), args[0], whoami())
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(doc)
				}
				_, err = fmt.Fprintf(g.out, "revoked: %s\n", approvalText(doc))
				return err
			})
		},
	}
}

func newReset(g *globals) *cobra.Command {
	var budget, reason string
	c := &cobra.Command{
		Use: "reset --reason TEXT [--budget NAME]", Short: "Go on with what is known to be spent, after the account was lost",
		Long: `When the manifest and the journal are both lost, nobody knows what was spent in the windows that are open, and all of them count as spent. Look at
the bill, lower the limits in the configuration by what it says if need be, and reset. It is recorded with who did it. Where nothing is in
doubt it changes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withOperator(c.Context(), g, func(by operate.Operator) error {
				r, err := by.Reset(c.Context(), operate.ResetRequest{Budget: budget, Reason: reason, By: whoami()})
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(r)
				}
				if !r.Reset {
					_, err = fmt.Fprintln(g.out, "nothing is in doubt; nothing was changed")
					return err
				}
				_, err = fmt.Fprintf(g.out, "reset: %s\n", resetText(*r.What))
				return err
			})
		},
	}
	c.Flags().StringVar(&budget, "budget", "", "one budget (default: all)")
	c.Flags().StringVar(&reason, "reason", "", "why what is known now is right; it is recorded")
	return c
}

func resetText(r manifest.Reset) string {
	what := "all budgets"
	if r.Budget != "" {
		what = "budget " + r.Budget
	}
	return fmt.Sprintf("%s, by %s at %s: %s", what, r.By, r.At.Time().Format(time.RFC3339), r.Reason)
}
