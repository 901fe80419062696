// Command demo shows datagravity at work on this machine: it starts emulators of three clouds, makes a training dataset in
// one of them, replicates it to the two others and to a directory with the real binary and a real configuration, changes a
// little of it and replicates again. Then a job declares what it needs, a daemon brings it, and the job's command runs.
//
//	go run ./integration/demo          all of it, then stop
//	go run ./integration/demo -hold    the same, and keep the servers for you until Ctrl-C
//
// # What is promised
//
// Every expectation is named as it is checked, and the exit code is 1 if any of them does not hold. What is at the
// destinations is read with each service's own protocol, never with datagravity's store code. The commands are printed as
// they can be typed. The servers listen on 127.0.0.1 alone and end with the demo, also after a failure or Ctrl-C. The working
// folder, build/demo, stays: configuration, state, logs, and the directory destination.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	hold := flag.Bool("hold", false, "keep the servers running afterwards, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *hold)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil: // also after -hold, which Ctrl-C ends
	case interrupted && !errors.Is(err, errWrong):
		fmt.Fprintln(os.Stderr, "demo: interrupted; the servers are stopped")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// run is the whole demo; whatever happens, the servers are stopped when it returns.
func run(ctx context.Context, hold bool) (err error) {
	d, err := newDemo(os.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return err
	}
	err = d.conclude()
	if hold {
		d.hold(ctx)
	}
	return err
}
