package main

import (
	"errors"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	all, err := options{runs: 5, scale: 1}.choose()
	if err != nil || len(all) != len(areas) {
		t.Fatalf("without -area: %d areas, %v", len(all), err)
	}
	one, err := options{area: "main", only: "killed", runs: 1, scale: 0.5}.choose()
	if err != nil || len(one) != 1 || len(one[0].benches) != 1 || one[0].benches[0].name != "killed" {
		t.Errorf("main, only killed: %+v, %v", one, err)
	}
	for _, c := range []struct {
		o    options
		says string
	}{
		{options{area: "mian", runs: 5, scale: 1}, "choose from main"},
		{options{only: "frist", runs: 5, scale: 1}, "choose from first, noop, slow, killed"},
		{options{runs: 0, scale: 1}, "-runs 0"},
		{options{runs: 5, scale: 0}, "-scale 0"},
		{options{runs: 5, scale: 1.5}, "-scale 1.5"},
	} {
		if _, err := c.o.choose(); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want one that says %q", c.o, err, c.says)
		}
	}
}
