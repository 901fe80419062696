package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

func newToken(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Who may ask the daemon over TCP, and for what: create, list, revoke",
		Long: `A token lets somebody ask the daemon over TCP (api.listen in the configuration). Its scopes say for what: read sees; jobs also changes what is
wanted, jobs, needs, pins and pauses; budget also lets more money be spent; admin does all. What is kept of it is a hash, in the state directory. At the Unix socket
nobody needs one.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTokenCreate(g), newTokenList(g), newTokenRevoke(g))
	return c
}

// withTokens runs f with the tokens of the state directory. Whoever holds the manifest sees at once what changes.
func withTokens(g *globals, f func(a *app, t *access.Tokens) error) (err error) {
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	return f(a, access.OpenTokens(a.cfg.Agent.State, time.Now))
}

func newTokenCreate(g *globals) *cobra.Command {
	var name, scopes, expires string
	c := &cobra.Command{
		Use: "create --name NAME --scope SCOPE[,SCOPE]", Short: "Make a token; it is shown once", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if name == "" || scopes == "" {
				return usageError{errors.New("--name NAME and --scope read, jobs, budget or admin are needed")}
			}
			list, err := access.ParseScopes(scopes)
			if err != nil {
				return usageError{fmt.Errorf("--scope: %w", err)}
			}
			var until time.Time
			if expires != "" {
				if until, err = parseWhen("--expires", expires, time.Now()); err != nil {
					return usageError{err}
				}
				if !until.After(time.Now()) {
					return usageError{fmt.Errorf("--expires %s is over already", expires)}
				}
			}
			return withTokens(g, func(a *app, t *access.Tokens) error {
				secret, made, err := t.Create(name, list, until, whoami())
				if errors.Is(err, access.ErrName) {
					return usageError{err}
				}
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(struct {
						Token string `json:"token"`
						tokenJSON
					}{secret, tokenDocument(made, time.Now())})
				}
				_, _ = fmt.Fprintf(g.err, "Keep it: it is not shown again. Token %s, for %s, %s.\n", made.Name, scopeNames(made), tokenEnding(made))
				if a.cfg.API.Listen != "" {
					c, err := a.certificate()
					if err != nil {
						return err
					}
					_, _ = fmt.Fprintf(g.err, "The API at %s shows the certificate with SHA-256 %s\n", a.cfg.API.Listen, c.Fingerprint())
				} else {
					_, _ = fmt.Fprintln(g.err, "api.listen is not set in the configuration: the daemon answers at its Unix socket alone, where no token is needed.")
				}
				_, err = fmt.Fprintln(g.out, secret)
				return err
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "whose it is, or what it is for; it is recorded with what is done with it")
	c.Flags().StringVar(&scopes, "scope", "", "what for: read, jobs, budget or admin; several with commas between them")
	c.Flags().StringVar(&expires, "expires", "", "until when it counts: 24h, 90d, or 2026-12-01T08:00:00Z (default: until it is revoked)")
	return c
}

// tokenJSON is a token as token list prints it with --json.
type tokenJSON struct {
	Name    string         `json:"name"`
	Scopes  []access.Scope `json:"scopes"`
	By      string         `json:"by"`
	Created time.Time      `json:"created"`
	Expires *time.Time     `json:"expires"`
	Revoked *time.Time     `json:"revoked"`
	Used    *time.Time     `json:"last_used"`
	// State is live, expired or revoked.
	State string `json:"state"`
}

func tokenDocument(t access.Token, now time.Time) tokenJSON {
	out := tokenJSON{t.Name, t.Scopes, t.By, t.Made, t.Expires, t.Revoked, t.Used, "live"}
	switch {
	case t.Revoked != nil:
		out.State = "revoked"
	case !t.Live(now):
		out.State = "expired"
	}
	return out
}

func scopeNames(t access.Token) string {
	var names []string
	for _, s := range t.Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, ",")
}

func tokenEnding(t access.Token) string {
	switch {
	case t.Revoked != nil:
		return "revoked at " + t.Revoked.Format(time.RFC3339)
	case t.Expires != nil:
		return "until " + t.Expires.Format(time.RFC3339)
	}
	return "until it is revoked"
}

func newTokenList(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens, those that no longer count too, and when each was last used", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return withTokens(g, func(_ *app, t *access.Tokens) error {
				list, err := t.List()
				if err != nil {
					return err
				}
				rows := make([]tokenJSON, len(list))
				for i, one := range list {
					rows[i] = tokenDocument(one, time.Now())
				}
				if g.json {
					return g.printJSON(rows)
				}
				if len(rows) == 0 {
					_, err := fmt.Fprintln(g.out, "there are no tokens")
					return err
				}
				table := newTable(g.out)
				table.row("TOKEN", "SCOPES", "STATE", "", "LAST USED", "MADE BY")
				for i, r := range rows {
					used := "never"
					if r.Used != nil {
						used = r.Used.Format(time.RFC3339)
					}
					table.row(r.Name, scopeNames(list[i]), r.State, tokenEnding(list[i]), used, r.By)
				}
				return table.flush()
			})
		},
	}
}

func newTokenRevoke(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End a token at once, and the browsers that logged in with it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return withTokens(g, func(_ *app, t *access.Tokens) error {
				gone, err := t.Revoke(args[0])
				if errors.Is(err, access.ErrNoToken) {
					return usageError{err}
				}
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(tokenDocument(gone, time.Now()))
				}
				_, err = fmt.Fprintf(g.out, "revoked: %s\n", gone.Name)
				return err
			})
		},
	}
}
