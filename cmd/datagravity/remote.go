package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/daemon"
)

// elsewhereNote: a command can ask the daemon of another machine.
const elsewhereNote = "elsewhere"

// elsewhere marks a command that --api is for, with those below it.
func elsewhere(c *cobra.Command) *cobra.Command { return annotated(c, elsewhereNote) }

// canElsewhere tells whether a command, or one above it, is marked so.
func canElsewhere(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		if has(c, elsewhereNote) {
			return true
		}
	}
	return false
}

// The environment that says where the daemon is, and who asks. A token on a command line could be read by every user of the machine.
const (
	apiVariable         = "DATAGRAVITY_API"
	apiCAVariable       = "DATAGRAVITY_API_CA"
	fingerprintVariable = "DATAGRAVITY_API_FINGERPRINT"
	tokenVariable       = "DATAGRAVITY_TOKEN"
	tokenFileVariable   = "DATAGRAVITY_TOKEN_FILE"
)

// remoteFlags are where a daemon elsewhere is.
type remoteFlags struct{ url, ca, fingerprint string }

func (f *remoteFlags) add(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVar(&f.url, "api", "", "ask the daemon at this `URL`, for example https://host:8443, instead of one here (default: "+apiVariable+"; the token is in "+tokenVariable+" or the file in "+tokenFileVariable+")")
	flags.StringVar(&f.ca, "api-ca", "", "PEM `file` with the certificates that vouch for it (default: "+apiCAVariable+", else the system's)")
	flags.StringVar(&f.fingerprint, "api-fingerprint", "", "SHA-256 of its certificate in hex, which nobody need vouch for then (default: "+fingerprintVariable+")")
}

// check wants a command that can ask elsewhere, where a flag says so.
func (f remoteFlags) check(c *cobra.Command) error {
	if f.url != "" && !canElsewhere(c) {
		return usageError{fmt.Errorf("%s works on this machine alone; --api is for status, top, jobs, place, ready, need, pin, pins, unpin, budget, pause, resume and snapshot list", c.CommandPath())}
	}
	return nil
}

// remote is the daemon that the flags or the environment name; nil: none.
func (g *globals) remote(ctx context.Context) (*daemon.Client, error) {
	if g.held != nil {
		return nil, nil
	}
	r := daemon.Remote{URL: either(g.api.url, apiVariable), CA: either(g.api.ca, apiCAVariable), Fingerprint: either(g.api.fingerprint, fingerprintVariable)}
	if r.URL == "" {
		return nil, nil
	}
	var err error
	if r.Token, err = token(); err != nil {
		return nil, err
	}
	v, _ := buildVersion()
	return daemon.DialTCP(ctx, r, v)
}

// isRemote tells whether a daemon elsewhere is asked.
func (g *globals) isRemote() bool { return g.held == nil && either(g.api.url, apiVariable) != "" }

func either(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return os.Getenv(variable)
}

// token of who asks, "" if there is none.
func token() (string, error) {
	if t := os.Getenv(tokenVariable); t != "" {
		return t, nil
	}
	path := os.Getenv(tokenFileVariable)
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", usageError{fmt.Errorf("%s: %w", tokenFileVariable, err)}
	}
	return strings.TrimSpace(string(b)), nil
}
