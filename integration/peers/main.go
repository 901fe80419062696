// Command peers measures pkg/chunker beside other people's chunkers and BLAKE3 libraries, and prints what it measured as JSON.
//
//	go run ./integration/bench -area chunker      builds it, runs it and makes a table of it
//	go run -C integration/peers . -only odd       one group of rows, as JSON
//
// It is a module of its own so that the libraries it compares with are dependencies of nobody else.
//
// # What is promised
//
// All data is in memory before a clock starts. The contestants of a comparison take turns in one process, run by run, after
// one run of each that is thrown away; a rate is the median. "One core" is GOMAXPROCS(1), for everybody, so that a library
// that spreads over goroutines by itself has one core too. GB is 10^9 bytes. What is counted in chunks is the same in every
// run: data and edits come from seeds.
//
// # What the peers are given
//
// Every peer takes an io.Reader, and is given a bytes.Reader over the same bytes that our functions get as a slice: its copy
// into its own buffer is part of its rate, as it is for its users. Each has the least and the most chunk in the proportion to
// the average that its own defaults have.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// group is a list of rows that share their data.
type group struct {
	name string
	run  func(*session) ([]row, error)
}

var groups = []group{
	{"boundaries", boundaries},
	{"blake3", blake3Alone},
	{"everything", everything},
	{"deltas", deltas},
	{"versus", versus},
	{"odd", oddInput},
}

// session is one run of the command.
type session struct {
	started time.Time
	runs    int
	scale   float64
}

func main() {
	s := session{started: time.Now()}
	var only string
	var own bool
	flag.StringVar(&only, "only", "", "one group of rows: "+strings.Join(groupNames(), ", ")+" (default: all)")
	flag.IntVar(&s.runs, "runs", 5, "measured runs of each contestant")
	flag.Float64Var(&s.scale, "scale", 1, "share of the data, above 0 and at most 1")
	flag.BoolVar(&own, "own", false, "print only the rates of our own boundary search; the command asks a child for them")
	flag.Parse()
	if err := s.main(only, own); err != nil {
		fmt.Fprintf(os.Stderr, "peers: %v\n", err)
		os.Exit(1)
	}
}

func (s *session) main(only string, own bool) error {
	if s.runs < 1 || s.scale <= 0 || s.scale > 1 {
		return fmt.Errorf("-runs %d -scale %g: want at least 1 run, and a scale above 0 and at most 1", s.runs, s.scale)
	}
	if own {
		rates, err := s.ownRates()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(rates)
	}
	s.say("kernel %s", chunker.Kernel())
	rows, err := s.measure(only)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rows)
}

// measure runs the groups of that name, or all of them if it is empty.
func (s *session) measure(only string) ([]row, error) {
	var rows []row
	for _, g := range groups {
		if only != "" && only != g.name {
			continue
		}
		more, err := g.run(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no group is called %q: choose from %s", only, strings.Join(groupNames(), ", "))
	}
	return rows, nil
}

func groupNames() (names []string) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

// say tells on standard error what no row has room for.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.0fs  %s\n", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
}

// scaled is this run's share of sizeBytes, at least 4 MiB: less is too few chunks to mean anything.
func (s *session) scaled(sizeBytes int64) int64 {
	return max(4<<20, int64(float64(sizeBytes)*s.scale))
}
