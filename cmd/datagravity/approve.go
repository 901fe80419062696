package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
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
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error { return runApprove(a, o) })
		},
	}
	c.Flags().StringVar(&o.budget, "budget", "", "the budget, by its name in the configuration")
	c.Flags().StringVar(&o.job, "job", "", "the job, as sync --job names it")
	c.Flags().StringVar(&o.extra, "extra", "", "US dollars beyond the limit, for example 200")
	c.Flags().StringVar(&o.extraBytes, "extra-bytes", "", "bytes beyond the limit, for example 1TiB")
	c.Flags().StringVar(&o.reason, "reason", "", "why; it is recorded")
	c.Flags().StringVar(&o.expires, "expires", "", "until when it counts: 24h, 7d, or 2026-12-01T08:00:00Z")
	return c
}

func runApprove(a *app, o approveFlags) (err error) {
	n := cost.NewApproval{Budget: o.budget, Job: o.job, Reason: o.reason, By: whoami()}
	if err := a.checkBudget(o.budget); err != nil {
		return err
	}
	if err := checkJob(o.job); err != nil {
		return err
	}
	switch {
	case o.extra == "" && o.extraBytes == "":
		return usageError{errors.New("--extra USD or --extra-bytes SIZE is missing")}
	case o.expires == "":
		return usageError{errors.New("--expires is missing: an approval must end, for example --expires 24h")}
	}
	if o.extra != "" {
		if n.ExtraNanoUSD, err = cost.ParseUSD(o.extra); err != nil {
			return usageError{fmt.Errorf("--extra: %w", err)}
		}
	}
	if o.extraBytes != "" {
		bytes, err := config.ParseSize(o.extraBytes)
		if err != nil {
			return usageError{fmt.Errorf("--extra-bytes: %w", err)}
		}
		n.ExtraBytes = int64(bytes)
	}
	if n.Expires, err = parseWhen("--expires", o.expires, a.m.Now()); err != nil {
		return usageError{err}
	}
	made, err := a.ledger.Approve(n)
	if errors.Is(err, cost.ErrDecision) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	doc := observe.ApprovalOf(made, a.m.Now())
	if a.json {
		return a.printJSON(doc)
	}
	_, err = fmt.Fprintf(a.out, "approved: %s\n", approvalText(doc))
	return err
}

// checkBudget wants a configured budget, or none.
func (a *app) checkBudget(name string) error {
	if known := a.budgetNames(); name != "" && !slices.Contains(known, name) {
		return usageError{config.UnknownName("budget", name, known)}
	}
	return nil
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
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error {
				list, err := a.ledger.Approvals()
				if err != nil {
					return err
				}
				resets, err := a.ledger.Resets()
				if err != nil {
					return err
				}
				docs := observe.ApprovalsOf(list, a.m.Now())
				if g.json {
					if resets == nil {
						resets = []manifest.Reset{}
					}
					return g.printJSON(struct {
						Approvals []observe.Approval `json:"approvals"`
						Resets    []manifest.Reset   `json:"resets"`
					}{docs, resets})
				}
				for _, d := range docs {
					_, _ = fmt.Fprintf(g.out, "approved: %s\n", approvalText(d))
				}
				for _, r := range resets {
					_, _ = fmt.Fprintf(g.out, "reset: %s\n", resetText(r))
				}
				if len(docs)+len(resets) == 0 {
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
		RunE: func(_ *cobra.Command, args []string) error {
			return withManifest(g, func(a *app) error {
				gone, err := a.ledger.Revoke(args[0], whoami())
				if errors.Is(err, cost.ErrDecision) {
					return usageError{fmt.Errorf("%w; datagravity budget approvals lists them", err)}
				}
				if err != nil {
					return err
				}
				doc := observe.ApprovalOf(gone, a.m.Now())
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
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error {
				if err := a.checkBudget(budget); err != nil {
					return err
				}
				r, ok, err := a.ledger.Reset(budget, reason, whoami())
				if errors.Is(err, cost.ErrDecision) {
					return usageError{err}
				}
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(struct {
						Reset bool            `json:"reset"`
						What  *manifest.Reset `json:"what"`
					}{ok, resetOrNull(r, ok)})
				}
				if !ok {
					_, err = fmt.Fprintln(g.out, "nothing is in doubt; nothing was changed")
					return err
				}
				_, err = fmt.Fprintf(g.out, "reset: %s\n", resetText(r))
				return err
			})
		},
	}
	c.Flags().StringVar(&budget, "budget", "", "one budget (default: all)")
	c.Flags().StringVar(&reason, "reason", "", "why what is known now is right; it is recorded")
	return c
}

func resetOrNull(r manifest.Reset, ok bool) *manifest.Reset {
	if !ok {
		return nil
	}
	return &r
}

func resetText(r manifest.Reset) string {
	what := "all budgets"
	if r.Budget != "" {
		what = "budget " + r.Budget
	}
	return fmt.Sprintf("%s, by %s at %s: %s", what, r.By, r.At.Time().Format(time.RFC3339), r.Reason)
}
