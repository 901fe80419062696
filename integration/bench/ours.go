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
	bucket   string // a file store's is its folder
	location string
	// temporaryObjects are allowed to the agent there.
	temporaryObjects bool
}

func (b *bed) azurePlace(container string) place {
	return place{url: b.azure.StoreURL(container), endpoint: b.azure.Endpoint, bucket: container, location: "azure:eastus"}
}

func (b *bed) s3Place(bucket string) place {
	return place{url: b.s3.StoreURL(bucket), endpoint: b.s3.Endpoint, bucket: bucket, location: "aws:us-east-1"}
}

// filePlace is a new, empty folder on a file server in the lab.
func (b *bed) filePlace() place {
	dir := filepath.Join(b.dir, b.name("folder"))
	return place{url: "file://" + dir + "?create_dir=true", bucket: dir, location: "onprem:lab1"}
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
  site: {store: site, prefix: "{dataset}", temporary_objects: %[7]t}
budgets:
  - {name: link, from: lake, to: site, usd: 100000, bytes: 100TiB}
`, filepath.Join(a.dir, "state"), from.location, from.url, to.location, to.url, datasetName, to.temporaryObjects)
	return os.WriteFile(a.configPath, []byte(text), 0o644)
}

// command is a command line of the agent, such as sync or index.
func (a *agent) command(args ...string) command {
	return command{path: a.bed.ours, args: append([]string{"--config", a.configPath, "--json"}, args...), env: a.bed.env}
}

func (a *agent) sync(flags ...string) command {
	return a.command(append([]string{"sync", datasetName, "--to", "site"}, flags...)...)
}

// summary is what sync prints, as far as it is looked at here.
type summary struct {
	Ready      bool  `json:"ready"`
	MovedBytes int64 `json:"moved_bytes"`
	Ways       map[string]struct {
		Shards int64 `json:"shards"`
	} `json:"ways"`
	Failures []struct {
		Path  string `json:"path"`
		Error string `json:"error"`
	} `json:"failures"`
}

// readSummary reads what sync printed. A sync that did not announce the dataset is an error.
func readSummary(u usage) (said summary, err error) {
	if err := json.Unmarshal(u.stdout, &said); err != nil {
		return said, fmt.Errorf("what sync printed: %w", err)
	}
	if !said.Ready {
		return said, errors.New("sync ended without error, and the dataset is not ready")
	}
	return said, nil
}

// expectReady reads what sync printed. A sync that did not announce the dataset is an error, as is one that moved another
// number of bytes than the wanted, where wantBytes is not negative.
func expectReady(u usage, wantBytes int64) error {
	said, err := readSummary(u)
	if err != nil {
		return err
	}
	if wantBytes >= 0 && said.MovedBytes != wantBytes {
		return fmt.Errorf("sync moved %d bytes, want %d", said.MovedBytes, wantBytes)
	}
	return nil
}

// remove frees what the agent kept on disk.
func (a *agent) remove() error { return os.RemoveAll(a.dir) }
