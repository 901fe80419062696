package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker (see the Makefile); a plain `go install` leaves them to the build information.
var (
	version = ""
	commit  = ""
	date    = "" // of the commit, so that the same commit builds the same bytes
)

func buildVersion() (v, rev string) {
	v, rev = version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && rev == "" {
				rev = s.Value
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	if rev == "" {
		rev = "unknown"
	}
	return v, rev
}

func versionLine() string {
	v, rev := buildVersion()
	if date != "" {
		rev += " of " + date
	}
	return fmt.Sprintf("%s commit %s %s %s/%s", v, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Tell version, commit and platform", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if g.json {
				v, rev := buildVersion()
				return g.printJSON(map[string]string{"version": v, "commit": rev, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			_, err := fmt.Fprintln(g.out, "datagravity "+versionLine())
			return err
		},
	}
}
