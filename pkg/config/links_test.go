package config

import (
	"slices"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// TestLinkLimitsCoverLinks ties the selectors to how transfers are named: a store's name to every destination in it.
func TestLinkLimitsCoverLinks(t *testing.T) {
	c, err := parse("x.yaml", "/", []byte(`
agent: {location: azure:eastus, state: s}
stores:
  training: {url: "azblob://training?storage_account=acct", location: azure:eastus}
  east: {url: "s3://east?region=us-east-1", location: aws:us-east-1}
  lab: {url: "file:///lab", location: onprem:lab1}
destinations:
  one: {store: east, prefix: "one/{dataset}"}
  two: {store: east, prefix: "two/{dataset}"}
  lab1: {store: lab}
links:
  - {from: azure, to: east, bandwidth: [2Gbit/s]}
  - {from: training, to: onprem:lab1, bandwidth: [1Gbit/s]}
  - {bandwidth: ["08:00-19:00 4Gbit/s"], zone: America/New_York}
  - {bandwidth: ["19:00-08:00 9Gbit/s"], zone: UTC}
  - {to: two, bandwidth: [3Gbit/s]}
`))
	if err != nil {
		t.Fatal(err)
	}
	limits, err := c.LinkLimits()
	if err != nil {
		t.Fatal(err)
	}
	azure, aws := store.Location{Provider: "azure", Region: "eastus"}, store.Location{Provider: "aws", Region: "us-east-1"}
	lab := store.Location{Provider: "onprem", Region: "lab1"}
	for _, c := range []struct {
		link cost.Link
		want []string
	}{
		{cost.Link{Source: "training", SourceLocation: azure, Dest: "one", DestLocation: aws}, []string{"azure->east", "any->any", "any->any (2)"}},
		{cost.Link{Source: "training", SourceLocation: azure, Dest: "two", DestLocation: aws}, []string{"azure->east", "any->any", "any->any (2)", "any->two"}},
		{cost.Link{Source: "training", SourceLocation: azure, Dest: "lab1", DestLocation: lab}, []string{"training->onprem:lab1", "any->any", "any->any (2)"}},
		{cost.Link{Source: "training", SourceLocation: azure}, []string{"any->any", "any->any (2)"}},
		{cost.Link{Source: "lab", SourceLocation: lab, Dest: "one", DestLocation: aws}, []string{"any->any", "any->any (2)"}},
	} {
		var have []string
		for _, l := range limits {
			if l.Covers(pace.Link(c.link)) {
				have = append(have, l.Name)
			}
		}
		if !slices.Equal(have, c.want) {
			t.Errorf("%s is covered by %q, want %q", c.link.Name(), have, c.want)
		}
	}

	links := pace.NewLinks(limits, nil)
	noon := time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC) // 07:30 in New York
	rate, until := links.For(pace.Link{Source: "training", SourceLocation: azure, Dest: "two", DestLocation: aws}).At(noon)
	if rate != 2e9 || !until.IsZero() {
		t.Errorf("to two %v until %v", rate, until)
	}
	rate, until = links.For(pace.Link{Source: "lab", SourceLocation: lab, Dest: "one", DestLocation: aws}).At(noon)
	if rate != pace.Unlimited || !until.Equal(noon.Add(30*time.Minute)) {
		t.Errorf("between others %v until %v", rate, until)
	}
}

func TestLinkLimitsOfAHand(t *testing.T) {
	_, err := (&Config{Path: "x.yaml", Links: []Link{{}, {Bandwidth: []string{"fast"}}}}).LinkLimits()
	if err == nil || err.Error() != `x.yaml: links[1]: line 1, "fast": bandwidth "fast": not a number with a unit; want for example 800Mbit/s or 10Gbit/s (units: bit/s, Kbit/s, Mbit/s, Gbit/s, Tbit/s), or unlimited` {
		t.Errorf("error %v", err)
	}
}
