//go:build !manpages

// Command datagravity replicates training shards to where the accelerators are: only the difference, under a budget, every
// byte proven. Its commands are one file each; what they do is in the packages below.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(realMain()) }

// realMain runs the command line and returns the exit code, so that deferred work is done before the process ends.
func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}
