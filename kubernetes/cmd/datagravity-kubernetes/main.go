// datagravity-kubernetes has pods start when their data is there: see docs/kubernetes.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	ctrl "sigs.k8s.io/controller-runtime"
)

// The exit codes, which are those of datagravity: docs/cli.md.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(realMain(os.Args[1:], os.Stdout, os.Stderr)) }

// realMain runs a command line and returns the exit code.
func realMain(args []string, out, errs io.Writer) int {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(errs, "datagravity-kubernetes: %v; see datagravity-kubernetes --help\n", err)
		return exitUsage
	}
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fmt.Fprintln(errs, "datagravity-kubernetes:", err)
		return exitFailed
	}
	return exitOK
}

// version of this program, as the daemon has its own.
func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}
