package main

import (
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/config"
)

func TestNextStep(t *testing.T) {
	store := map[string]config.Store{"s": {}}
	dataset := map[string]config.Dataset{"d": {}}
	dest := map[string]config.Destination{"t": {}}
	for want, c := range map[string]config.Config{
		"names no store":       {},
		"names no dataset":     {Stores: store, Destinations: dest},
		"names no destination": {Stores: store, Datasets: dataset},
	} {
		c.Path = "/etc/x.yaml"
		if got := nextStep(&c); !strings.Contains(got, "/etc/x.yaml "+want+";") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for name, c := range map[string]config.Config{
		"whole":  {Stores: store, Datasets: dataset, Destinations: dest},
		"origin": {Stores: store, Datasets: dataset, Agent: config.Agent{Role: config.Origin}},
	} {
		if got := nextStep(&c); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
