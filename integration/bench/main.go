// Command bench compares datagravity with rclone on this machine, on the same servers, and its chunker with others, and writes
// what it measured down.
//
//	go run ./integration/bench               every area
//	go run ./integration/bench -area main    one of them: syncs beside rclone's
//	go run ./integration/bench -area engine  another: far, changed, small and many objects, kills and refusals, beside rclone
//	go run ./integration/bench -area cost    the third: decisions about money, nobody to compare with
//	go run ./integration/bench -area jobs    the fourth: planning, declaring and asking about jobs, nobody to compare with
//	go run ./integration/bench -area daemon  the daemon: its API while it moves data, nobody to compare with
//	go run ./integration/bench -area chunker the fifth: pkg/chunker in memory, beside other chunkers (integration/peers)
//	go run ./integration/bench -scale 0.05   a twentieth of the data, to try a change; writes no results
//
// # What is promised
//
// Both programs are run as their users run them: the real binary with its defaults, a child process each. Runs alternate,
// the first pair is thrown away, and a row holds the medians. Every run has a bucket and a state folder of its own, and what it
// left at the destination is counted. A peer that cannot be built is an error, never an empty column. Rows without a peer
// measure a promise of datagravity alone, and hold the worst run.
//
// # What is measured
//
// Wall time is from the start of the process to its end. CPU is user and system time of the process. Memory is the highest
// RssAnon seen in /proc/PID/status, looked at every 20 ms: neither mapped files nor the page cache count, and a peak shorter
// than that may be missed. Bytes and requests are counted by proxies between the programs and the servers. The servers run
// on the same cores as the programs, which wall times show and CPU times do not.
//
// The agent stands at azure:eastus beside the source and S3 at aws:us-east-1, so that every byte crosses a paid link:
// reservations, ledger and journal are at work, under a budget that is large enough. Where shards are put together from what
// a destination holds, that is at onprem:lab1; see s3Site.
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
	var o options
	flag.StringVar(&o.area, "area", "", "one area of benchmarks (default: all)")
	flag.StringVar(&o.only, "only", "", "only benchmarks of this name; writes no results")
	flag.IntVar(&o.runs, "runs", 5, "measured runs of each program")
	flag.Float64Var(&o.scale, "scale", 1, "share of the data, above 0 and at most 1; below 1 no results are written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, os.Stdout, o)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}
