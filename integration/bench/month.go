package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
)

// missedPercent is how many of the jobs that could have been on time may be late.
const missedPercent = 5

// simulatedMonth runs the simulation of pkg/jobs/schedule: some 500 jobs, over links that carry what they were thought to only on average. The bound is
// what nobody could pass who knew all of it beforehand.
func simulatedMonth(ctx context.Context, b *bed) (rows []row, err error) {
	program := filepath.Join(b.dir, "schedule.test")
	if err := goTool(ctx, "test", "-c", "-trimpath", "-o", program, "./pkg/jobs/schedule"); err != nil {
		return nil, err
	}
	for _, c := range []struct{ test, name string }{
		{"TestMonth", "a month under budgets of the day and the month"}, {"TestMonthWithoutBudgets", "a month without budgets"},
	} {
		u, err := command{path: program, args: []string{"-test.run", "^" + c.test + "$", "-test.v"}}.run(ctx)
		if err != nil {
			return nil, err
		}
		m, err := readMonth(u.stdout)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.test, err)
		}
		b.say("  %s: %d of %d jobs on time, at most %d could be", c.name, m.onTime, m.jobs, m.most)
		rows = append(rows,
			alone(fmt.Sprintf("%s, %d of %d jobs on time: of the %d that could be, late", c.name, m.onTime, m.jobs, m.most), "%",
				100*float64(m.most-m.onTime)/float64(m.most), missedPercent))
		if m.told {
			rows = append(rows, alone(c.name+": turns that changed without a cause", "turns", float64(m.flips), 0))
		}
	}
	return rows, nil
}

// monthSaid is what a simulation said.
type monthSaid struct {
	onTime, jobs, most int
	flips              int
	told               bool // whether it counted flips
}

var (
	monthResult = regexp.MustCompile(`(\d+) of (\d+) jobs on time, at most (\d+) could be`)
	monthFlips  = regexp.MustCompile(`for a cause, (\d+) without`)
)

func readMonth(said []byte) (m monthSaid, err error) {
	found := monthResult.FindSubmatch(said)
	if found == nil {
		return m, errors.New("printed no result: " + lastLines(string(said)))
	}
	for i, to := range []*int{&m.onTime, &m.jobs, &m.most} {
		if *to, err = strconv.Atoi(string(found[i+1])); err != nil {
			return m, err
		}
	}
	if m.most == 0 {
		return m, errors.New("a month in which no job can be on time says nothing")
	}
	if flips := monthFlips.FindSubmatch(said); flips != nil {
		m.told = true
		m.flips, err = strconv.Atoi(string(flips[1]))
	}
	return m, err
}
