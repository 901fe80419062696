package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
)

// What the environment says of a soak.
const (
	// minutesEnv is how long it takes; without it less than a minute.
	minutesEnv = "SOAK_MINUTES"
	// reportEnv is a folder for soak.md, soak.svg and soak.json; without it nothing is written.
	reportEnv = "SOAK_REPORT"
)

// The real daemon runs while shards and jobs come, change and go, and one in a hundred requests is refused or broken. Its memory, open files and goroutines
// are flat, and so is its database, since what nothing needs any more is forgotten; and in the end everything is there.
func TestSoak(t *testing.T) {
	proof.Run(t, "soak", 1, trial)
}

func trial(t *testing.T, seed uint64) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("what a process holds is read from /proc:", err)
	}
	length := 30 * time.Second
	if s := os.Getenv(minutesEnv); s != "" {
		m, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("%s: %v", minutesEnv, err)
		}
		length = time.Duration(m * float64(time.Minute))
	}
	r := newRig(t, rand.New(rand.NewPCG(seed, 7)))
	r.startDaemon()
	s := newSampler(r.daemon.Process.Pid, r.dir)
	r.churn(length, s)
	verdicts := judge(t, s, limits, length)
	spoiled, requests := int64(0), int64(0)
	for _, f := range r.faults {
		spoiled, requests = spoiled+f.spoiled.Load(), requests+f.requests.Load()
	}
	about := fmt.Sprintf("seed %d, %s: %d changes of the dataset, %d jobs, %d requests of which %d were spoiled, %d samples",
		seed, length.Round(time.Second), r.changes, r.declared, requests, spoiled, len(s.series[rss]))
	t.Log(about)
	if dir := os.Getenv(reportEnv); dir != "" {
		if err := report(dir, about, s.series, verdicts, warmup(length)); err != nil {
			t.Error(err)
		}
	}
	if spoiled == 0 {
		t.Error("no request was spoiled: the soak tries nothing")
	}
	r.arrives()
	r.ends()
}

// churn for a time: a change each half a second, a job each three, a look each second.
func (r *rig) churn(length time.Duration, s *sampler) {
	r.t.Helper()
	end := time.Now().Add(length)
	for i := 0; time.Now().Before(end); i++ {
		if i%2 == 0 {
			if err := s.look(); err != nil {
				r.t.Fatal(err)
			}
		}
		if i%6 == 0 {
			r.declare()
		}
		r.change()
		select {
		case <-r.ended:
			r.t.Fatalf("the daemon ended: %v", r.daemon.ProcessState)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// warmup is a third of the time, until the pools are as large as they get: half an hour has ten minutes.
func warmup(length time.Duration) float64 { return length.Seconds() / 3 }

// judged: what is shorter never leaves the time in which everything grows to its size, and only shows that the rig runs.
const judged = 8 * time.Minute

func judge(t *testing.T, s *sampler, limits []Limit, length time.Duration) (list []Verdict) {
	t.Helper()
	for _, l := range limits {
		v, err := Judge(l, s.series[l.Name], warmup(length))
		if err != nil {
			t.Error(err)
			continue
		}
		t.Log(v)
		if !v.Flat && length >= judged {
			t.Errorf("%s grows", l.Name)
		}
		list = append(list, v)
	}
	return list
}

// report writes soak.json, soak.svg and soak.md.
func report(dir, about string, series map[string][]Sample, verdicts []Verdict, warmup float64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(map[string]any{"about": about, "warmup_seconds": warmup, "verdicts": verdicts, "series": series}, "", " ")
	if err != nil {
		return err
	}
	var md strings.Builder
	fmt.Fprintf(&md, "# Soak\n\n%s.\n\nJudged after a warm-up of %.0f s (grey); what flat means is in integration/soak/doc.go.\n\n", about, warmup)
	fmt.Fprint(&md, "| | from | to | an hour | 95 % | allowed an hour | noise | |\n| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |\n")
	for _, v := range verdicts {
		word := "flat"
		if !v.Flat {
			word = "**grows**"
		}
		fmt.Fprintf(&md, "| %s | %.4g %s | %.4g | %+.3g | %+.3g to %+.3g | %+.3g | %.3g | %s |\n", v.Name, v.Start, v.Unit, v.End, v.Slope, v.Low, v.High, v.PerHour, v.Noise, word)
	}
	if whole := series[file]; len(whole) > 0 {
		fmt.Fprintf(&md, "\nThe file of the database, which doubles when it is full and never shrinks: %.3g to %.3g MiB.\n", whole[0].Value, whole[len(whole)-1].Value)
	}
	if whole := series[all]; len(whole) > 0 {
		fmt.Fprintf(&md, "\nThe state folder, with the journal, which only ever grows: %.3g to %.3g MiB. What nothing needs for a minute is forgotten by the database here.\n", whole[0].Value, whole[len(whole)-1].Value)
	}
	fmt.Fprint(&md, "\n![memory, open files, goroutines and database over time](soak.svg)\n")
	for name, text := range map[string]string{"soak.json": string(b) + "\n", "soak.svg": Graph(series, verdicts, warmup), "soak.md": md.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
