package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/netem"
)

// newAgentsBed has a GCS server, too.
func newAgentsBed(ctx context.Context, out io.Writer, o options) (*bed, error) {
	b, err := newBed(ctx, out, o)
	if err != nil {
		return nil, err
	}
	if b.gcs, err = emulator.StartGCS(ctx, filepath.Join(b.dir, "servers")); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// twoAgents are an origin beside a source and an edge beside a destination. Both know the source's store under one name; the edge reaches it over a meter,
// which counts all that crosses.
type twoAgents struct {
	b         *bed
	container string
	// corner is a container of their own for what they tell each other: those before them had other ledgers.
	corner string
	origin *agent
	edge   *agent
	to     place
	meter  *netem.Meter
	folder string
}

// The two versions of a dataset stand in one container, so that the old one can still be read when the new one is packed.
const (
	beforeFolder = "before"
	afterFolder  = "after"
)

func (b *bed) newAgents(ctx context.Context, container string, to place) (p *twoAgents, err error) {
	p = &twoAgents{b: b, container: container, corner: b.name("corner"), to: to}
	if err := b.azure.CreateBucket(ctx, p.corner); err != nil {
		return nil, err
	}
	if p.meter, err = netem.StartMeter(b.azure.Addr()); err != nil {
		return nil, err
	}
	for role, a := range map[string]**agent{"origin": &p.origin, "edge": &p.edge} {
		*a = &agent{bed: b, dir: filepath.Join(b.dir, b.name(role))}
		if err := os.MkdirAll((*a).dir, 0o755); err != nil {
			return nil, errors.Join(err, p.meter.Close())
		}
	}
	return p, p.turnTo(beforeFolder)
}

// turnTo has both agents take a folder for the dataset. The origin knows the folder of the first version by another name, too.
func (p *twoAgents) turnTo(folder string) error {
	p.folder = folder
	return p.write("own")
}

// write writes both configurations. The edge reads on the budget of the origin, or its own.
func (p *twoAgents) write(budget string) error {
	lake, corner := p.b.azurePlace(p.container), p.b.azurePlace(p.corner)
	write := func(a *agent, role, budget, location string, lake, corner place, more string) error {
		a.configPath = filepath.Join(a.dir, "datagravity.yaml")
		text := fmt.Sprintf(`agent: {role: %s, name: %s, location: %q, state: %q, allow_insecure: true%s}
stores:
  lake: {location: %q, url: %q, exchange: corner}
  corner: {location: %q, url: %q}
  site: {location: %q, url: %q}
datasets:
  %s: {store: lake, prefix: %s}
%sdestinations:
  site: {store: site, prefix: "{dataset}"}
budgets:
  - {name: link, from: lake, to: site, usd: 100000, bytes: 100TiB}
`, role, role, location, filepath.Join(a.dir, "state"), budget, lake.location, lake.url, corner.location, corner.url, p.to.location, p.to.url, datasetName, p.folder, more)
		return os.WriteFile(a.configPath, []byte(text), 0o644)
	}
	return errors.Join(
		write(p.origin, "origin", "", lake.location, lake, corner, fmt.Sprintf("  old: {store: lake, prefix: %s}\n", beforeFolder)),
		write(p.edge, "edge", ", budget: "+budget, p.to.location, lake.behind(p.meter.Through), corner.behind(p.meter.Through), ""),
	)
}

// publish has the origin index a dataset and publish it, and returns what it wrote.
func (p *twoAgents) publish(ctx context.Context, dataset string) (int64, error) {
	u, err := p.origin.command("index", dataset).run(ctx)
	if err != nil {
		return 0, err
	}
	var said struct {
		Published int64 `json:"published_bytes"`
	}
	err = json.Unmarshal(u.stdout, &said)
	return said.Published, err
}

// pull has the edge bring the destination up to date, and returns what crossed in both directions: with packs beside the origin's daemon, which grants what
// is read, too; else alone.
func (p *twoAgents) pull(ctx context.Context, packs bool) (crossed int64, err error) {
	budget := "own"
	if packs {
		budget = "origin"
	}
	if err := p.write(budget); err != nil {
		return 0, err
	}
	if packs {
		d, err := p.origin.daemon(ctx)
		if err != nil {
			return 0, err
		}
		defer d.ending(p.b, &err)
	}
	before := p.meter.Counts()
	u, err := p.edge.sync().run(ctx)
	if err != nil {
		return 0, err
	}
	said, err := readSummary(u)
	if err != nil {
		return 0, err
	}
	if !said.Ready {
		return 0, fmt.Errorf("the edge is not ready: %s", lastLines(string(u.stdout)))
	}
	c := p.meter.Counts().Sub(before)
	if crossed = c.ReceivedBytes + c.SentBytes; crossed == 0 {
		return 0, errors.New("nothing passed the meter in front of the source: the edge went past it")
	}
	return crossed, nil
}

func (p *twoAgents) close() error {
	return errors.Join(p.meter.Close(), p.origin.remove(), p.edge.remove(), p.b.drop(p.to))
}
