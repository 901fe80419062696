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
	both, err := options{only: "killed", runs: 1, scale: 1}.choose()
	if err != nil || len(both) != 2 || both[0].name != "main" || both[1].name != "engine" {
		t.Errorf("only killed, of all areas: %+v, %v", both, err)
	}
	for _, c := range []struct {
		o    options
		says string
	}{
		{options{area: "mian", runs: 5, scale: 1}, "choose from main"},
		{options{only: "frist", runs: 5, scale: 1}, "choose from first, noop, slow, killed"},
		{options{area: "engine", only: "noop", runs: 5, scale: 1}, "choose from first, parts, far, edited, appended, renamed, small, million, killed, refused"},
		{options{runs: 0, scale: 1}, "-runs 0"},
		{options{runs: 5, scale: 0}, "-scale 0"},
		{options{runs: 5, scale: 1.5}, "-scale 1.5"},
	} {
		if _, err := c.o.choose(); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want one that says %q", c.o, err, c.says)
		}
	}
}

// -only finds one benchmark of an area, and two areas of one name would write one file.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range areas {
		for _, m := range a.benches {
			if name := a.name + "/" + m.name; seen[name] || seen[a.name] {
				t.Errorf("%s is there twice", name)
			} else {
				seen[name] = true
			}
		}
		seen[a.name] = true
	}
}
