package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	configPath = work + "/datagravity.yaml"
	envPath    = work + "/env.sh"
	// limitUSD is the monthly budget of each link; a round of the demo costs cents.
	limitUSD = 5
)

// program is how a command starts, of the agent that the demo is using.
func (d *demo) program() string { return "build/datagravity --config " + d.agent }

// state is that agent's state directory.
func (d *demo) state() string {
	name := "state"
	if d.agent != configPath {
		name += "-" + strings.TrimSuffix(filepath.Base(d.agent), ".yaml")
	}
	return filepath.Join(d.root, work, name)
}

// budgetName is the budget of the link to a destination.
func budgetName(dest *destination) string { return "azure-to-" + dest.name }

// config is the file that the binary reads: one source, three destinations, a budget for each link.
func (d *demo) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by the demo. The stores are emulators; locations, and so prices, are those of real regions.
agent:
  location: azure:eastus        # beside the source: reading it is free
  state: %s
  allow_insecure: true          # plain http on 127.0.0.1
stores:
  lake:        {location: "azure:eastus", url: "%s"}
  s3-east:     {location: "aws:us-east-1", url: "%s"}
  gcs-central: {location: "gcp:us-central1", url: "%s"}
  lab-disk:    {location: "onprem:lab1", url: "%s"}
datasets:
  %s: {store: lake, prefix: %s, format: webdataset}
destinations:
  s3:  {store: s3-east, prefix: "{dataset}"}
  gcs: {store: gcs-central, prefix: "{dataset}"}
  lab: {store: lab-disk, prefix: "{dataset}"}
budgets:                        # for a calendar month
`, d.state(), d.stores["lake"], d.stores["s3-east"], d.stores["gcs-central"], d.stores["lab-disk"],
		datasetName, strings.TrimSuffix(sourcePrefix, "/"))
	for _, dest := range d.dests {
		fmt.Fprintf(&b, "  - {name: %s, from: lake, to: %s, usd: %d}\n", budgetName(dest), dest.name, limitUSD)
	}
	fmt.Fprintf(&b, "  - {name: %s, job: %q, bytes: %s}\n", heldBudget, heldJobs, heldBytes)
	b.WriteString("prices:\n  sites: {lab1: north-america}\n")
	return b.String()
}

// writeConfig writes the configuration, and the credentials as a shell reads them.
func (d *demo) writeConfig() error {
	if err := os.WriteFile(filepath.Join(d.root, configPath), []byte(d.config()), 0o644); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Public credentials of the emulators that the demo starts.\n")
	for _, kv := range d.env {
		name, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, value)
	}
	return os.WriteFile(filepath.Join(d.root, envPath), []byte(b.String()), 0o644)
}
