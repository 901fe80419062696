package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// place is a store as the programs are told of it.
type place struct {
	url      string // as pkg/store/open takes it
	endpoint string // as rclone takes it
	bucket   string
	location string
}

func (b *bed) azurePlace(container string) place {
	return place{url: b.azure.StoreURL(container), endpoint: b.azure.Endpoint, bucket: container, location: "azure:eastus"}
}

func (b *bed) s3Place(bucket string) place {
	return place{url: b.s3.StoreURL(bucket), endpoint: b.s3.Endpoint, bucket: bucket, location: "aws:us-east-1"}
}

// behind is the place reached through something that stands in front of its server.
func (p place) behind(through func(url string) string) place {
	p.url, p.endpoint = through(p.url), through(p.endpoint)
	return p
}

// agent is one datagravity with a state folder and a configuration.
type agent struct {
	bed        *bed
	dir        string
	configPath string
}

// newAgent makes an agent that knows nothing yet, with default settings.
func (b *bed) newAgent(from, to place) (*agent, error) {
	a := &agent{bed: b, dir: filepath.Join(b.dir, b.name("agent"))}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return nil, err
	}
	return a, a.configure(from, to)
}

// configure writes the configuration. The state names stores by their configured names, so that the same store may be
// reached by another address later.
func (a *agent) configure(from, to place) error {
	a.configPath = filepath.Join(a.dir, "datagravity.yaml")
	text := fmt.Sprintf(`agent:
  location: azure:eastus
  state: %q
  allow_insecure: true
stores:
  lake: {location: %q, url: %q}
  site: {location: %q, url: %q}
datasets:
  %[6]s: {store: lake, prefix: %[6]s}
destinations:
  site: {store: site, prefix: "{dataset}"}
budgets:
  - {name: link, from: lake, to: site, usd: 100000, bytes: 100TiB}
`, filepath.Join(a.dir, "state"), from.location, from.url, to.location, to.url, datasetName)
	return os.WriteFile(a.configPath, []byte(text), 0o644)
}

// command is a command line of the agent, such as sync or index.
func (a *agent) command(args ...string) command {
	return command{path: a.bed.ours, args: append([]string{"--config", a.configPath, "--json"}, args...), env: a.bed.env}
}

func (a *agent) sync(flags ...string) command {
	return a.command(append([]string{"sync", datasetName, "--to", "site"}, flags...)...)
}

// expectReady reads what sync printed. A sync that did not announce the dataset is an error, as is one that moved another
// number of bytes than the wanted, where wantBytes is not negative.
func expectReady(u usage, wantBytes int64) error {
	var said struct {
		Ready      bool  `json:"ready"`
		MovedBytes int64 `json:"moved_bytes"`
	}
	if err := json.Unmarshal(u.stdout, &said); err != nil {
		return fmt.Errorf("what sync printed: %w", err)
	}
	if !said.Ready {
		return errors.New("sync ended without error, and the dataset is not ready")
	}
	if wantBytes >= 0 && said.MovedBytes != wantBytes {
		return fmt.Errorf("sync moved %d bytes, want %d", said.MovedBytes, wantBytes)
	}
	return nil
}

// remove frees what the agent kept on disk.
func (a *agent) remove() error { return os.RemoveAll(a.dir) }
