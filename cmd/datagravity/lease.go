package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// waitsForLease gives a command that writes at a destination its flag for when somebody else does.
func waitsForLease(c *cobra.Command, g *globals) {
	lengthVar(c.Flags(), &g.waitLease, "wait-lease", 0,
		"if another agent writes to the same destination, wait up to this `long` for it to end, or for its lease to be over, and go on")
}

// leases that this process takes on what it writes to; nil: the configuration says none.
func (a *app) leases() (*dgsync.Leases, error) {
	if !a.cfg.Agent.Leases() {
		return nil, nil
	}
	holder := lease.Holder{PID: os.Getpid(), Agent: a.cfg.Agent.NameOr(os.Hostname), Command: commandLine(os.Args)}
	if host, err := os.Hostname(); err == nil {
		holder.Host = host
	}
	err := a.m.View(func(tx *manifest.Tx) (err error) {
		holder.Manifest, err = tx.ID()
		return err
	})
	if err != nil {
		return nil, err
	}
	if holder.Place, err = a.m.Place(); err != nil {
		// A killed process's lease is then waited for like another agent's.
		holder.Manifest = ""
	}
	return &dgsync.Leases{
		Keeper: lease.New(lease.Options{Holder: holder, Length: time.Duration(a.cfg.Agent.Lease), Now: a.m.Now, Log: a.log}),
		Wait:   a.waitLease, Prefixes: a.prefixesIn,
	}, nil
}

// commandLine is what this process was told, for whoever must wait for it.
func commandLine(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return strings.Join(append([]string{filepath.Base(args[0])}, args[1:]...), " ")
}

// prefixesIn are those of the destinations in a store.
func (a *app) prefixesIn(store string) (list []string) {
	for _, name := range keys(a.cfg.Destinations) {
		d := a.cfg.Destinations[name]
		if d.Store != store {
			continue
		}
		if !strings.Contains(d.Prefix, config.DatasetPlaceholder) {
			list = append(list, d.Prefix)
			continue
		}
		for _, dataset := range keys(a.cfg.Datasets) {
			list = append(list, d.PrefixFor(dataset))
		}
	}
	return list
}

// freed tells with an error about a lease what the command line can do about it.
func freed(err error) error {
	var held *lease.HeldError
	if !errors.As(err, &held) {
		return err
	}
	return fmt.Errorf("%w: --wait-lease %s waits as long as that, and then takes it over", err, (held.Length + held.Length/10).Round(time.Second))
}
