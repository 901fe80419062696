package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// agentConfig is the file of one of several agents, at the name, role, location and state that it has.
const agentConfig = `# Written by the demo: one of several agents, with nothing but the source's store between them.
agent:
  role: %[1]s
  name: %[2]s
  location: %[3]s
  state: %[4]s
  allow_insecure: true
stores:
  lake:        {location: "azure:eastus", url: "%[5]s"}
  s3-east:     {location: "aws:us-east-1", url: "%[6]s"}
  gcs-central: {location: "gcp:us-central1", url: "%[7]s"}
datasets:
  %[8]s: {store: lake, prefix: %[9]s, format: webdataset}
destinations:
  s3:  {store: s3-east, prefix: "{dataset}"}
  gcs: {store: gcs-central, prefix: "{dataset}"}
%[10]s`

// edgesBudget is what edges may spend together. It is the origin's; they have none.
const edgesBudget = "edges"

func agentPath(name string) string { return work + "/" + name + ".yaml" }

func (d *demo) writeAgent(role, name, location string) error {
	text := fmt.Sprintf(agentConfig, role, name, location, filepath.Join(d.root, work, "state-"+name), d.stores["lake"], d.stores["s3-east"], d.stores["gcs-central"],
		datasetName, strings.TrimSuffix(sourcePrefix, "/"), map[string]string{"origin": fmt.Sprintf("budgets:\n  - {name: %s, usd: %d}\n", edgesBudget, limitUSD)}[role])
	return os.WriteFile(filepath.Join(d.root, agentPath(name)), []byte(text), 0o644)
}

// as has another agent run the commands of f.
func (d *demo) as(name string, f func() error) error {
	before := d.agent
	d.agent = agentPath(name)
	defer func() { d.agent = before }()
	return f()
}

// pulled is what crossed to a bucket for one change.
type pulled struct {
	what, dest      string
	plain, one, two int64 // as a plain copy, by one agent beside the source, by an agent beside the bucket
}

// agents puts an agent beside each bucket, and has the dataset change twice more.
func (d *demo) agents(ctx context.Context) error {
	d.title("A second agent beside each bucket: only what is missing crosses")
	if err := d.writeAgent("origin", "origin", "azure:eastus"); err != nil {
		return err
	}
	buckets := d.dests[:2] // a directory takes ranges of any size from one agent, too
	for _, dest := range buckets {
		if err := d.writeAgent("edge", "beside-"+dest.name, dest.location); err != nil {
			return err
		}
	}
	d.say("The one agent brings the buckets up to date for the last time; what it wrote there the others take over without reading it.")
	if err := d.show(ctx, exitDone, fmt.Sprintf("sync %s --to s3,gcs", datasetName)); err != nil {
		return err
	}
	if err := d.publish(ctx); err != nil {
		return err
	}
	d.say("The edges have no budget of their own: the origin's daemon grants what they read from its one.")
	err := d.besideSource(ctx, func() error {
		for _, dest := range buckets {
			crossed, err := d.pull(ctx, dest)
			if err != nil {
				return err
			}
			d.checks.that(crossed < 1<<20, fmt.Sprintf("%d bytes crossed", crossed), "%s: taking over costs what was published (%s)", dest.title, size(crossed))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var rows []pulled
	changed, _, err := d.change(ctx, 3)
	if err != nil {
		return err
	}
	if rows, err = d.pullAll(ctx, buckets, "some samples changed", changed, rows); err != nil {
		return err
	}
	for i, dest := range buckets {
		d.checks.that(rows[i].two < changed.fresh+changed.fresh/4+512<<10 && rows[i].two < rows[i].one/2, fmt.Sprintf("%d bytes crossed for %d new ones", rows[i].two, changed.fresh),
			"%s: what crossed is what is new (%s), not the objects that it is in (%s)", dest.title, size(changed.fresh), size(changed.crossing))
	}
	dealt, err := d.reshuffle(ctx)
	if err != nil {
		return err
	}
	if rows, err = d.pullAll(ctx, buckets, "all samples dealt out anew", dealt, rows); err != nil {
		return err
	}
	if err := d.granted(ctx, buckets); err != nil {
		return err
	}
	for i, dest := range buckets {
		d.checks.that(rows[2+i].two < dealt.crossing/50, fmt.Sprintf("%d bytes crossed", rows[2+i].two),
			"%s: a reshuffled dataset of %s costs less than a fiftieth of it", dest.title, size(dealt.crossing))
	}
	return d.tellPulled(rows)
}

// publish has the origin read what is new and tell the others.
func (d *demo) publish(ctx context.Context) error {
	return d.as("origin", func() error { return d.show(ctx, exitDone, "index "+datasetName) })
}

// besideSource has the origin's daemon answer the edges while f runs.
func (d *demo) besideSource(ctx context.Context, f func() error) error {
	var p *daemon
	if err := d.as("origin", func() (err error) { p, err = d.background(ctx); return err }); err != nil {
		return err
	}
	err := f()
	code, endErr := p.end()
	d.checks.that(endErr == nil && code == exitDone, fmt.Sprintf("exit code %d, %v", code, endErr), "the origin's daemon ends on SIGTERM with %d", exitDone)
	return err
}

// granted shows what the origin granted, and compares what its budget counts with what the edges booked.
func (d *demo) granted(ctx context.Context, buckets []*destination) error {
	// An index looks once at what edges say; what they used last may not be booked yet.
	if err := d.publish(ctx); err != nil {
		return err
	}
	var booked int64
	for _, dest := range buckets {
		if err := d.as("beside-"+dest.name, func() error {
			var links []ledgerRow
			err := d.read(ctx, "cost ledger --by link", &links)
			booked += find(links, "azure:eastus -> "+dest.location).Bytes
			return err
		}); err != nil {
			return err
		}
	}
	return d.as("origin", func() error {
		if err := d.show(ctx, exitDone, "budget grants"); err != nil {
			return err
		}
		if err := d.show(ctx, exitDone, "budget"); err != nil {
			return err
		}
		var budgets []budgetRow
		if err := d.read(ctx, "budget", &budgets); err != nil {
			return err
		}
		b := budgets[0]
		// The last reads of a run, which tell that there is nothing to do, count on the next grant.
		d.checks.that(b.Reserved == 0 && b.Bytes > 0 && b.Bytes <= booked && booked-b.Bytes < 256<<10, fmt.Sprintf("%+v, booked %d bytes", b, booked),
			"the origin's budget has spent %s for %s, which its edges booked", b.Spent, size(b.Bytes))
		return nil
	})
}

// pull has the agent beside a bucket bring it up to date, and returns what crossed from the source, by its ledger.
func (d *demo) pull(ctx context.Context, dest *destination) (crossed int64, err error) {
	return crossed, d.as("beside-"+dest.name, func() error {
		bytes := func() (int64, error) {
			var links []ledgerRow
			err := d.read(ctx, "cost ledger --by link", &links)
			return find(links, "azure:eastus -> "+dest.location).Bytes, err
		}
		before, err := bytes()
		if err != nil {
			return err
		}
		var s syncAnswer
		if err := d.read(ctx, fmt.Sprintf("sync %s --to %s", datasetName, dest.name), &s); err != nil {
			return err
		}
		after, err := bytes()
		crossed = after - before
		d.checks.that(s.Ready, fmt.Sprintf("%+v", s), "%s: the agent beside it says that the snapshot is there", dest.title)
		dest.snapshot = s.Snapshot
		return err
	})
}

// pullAll brings a change to the buckets, and compares every byte there with the generator's.
func (d *demo) pullAll(ctx context.Context, buckets []*destination, what string, w workload, rows []pulled) ([]pulled, error) {
	if err := d.publish(ctx); err != nil {
		return nil, err
	}
	crossed := map[*destination]int64{}
	err := d.besideSource(ctx, func() (err error) {
		for _, dest := range buckets {
			if crossed[dest], err = d.pull(ctx, dest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, dest := range buckets {
		rows = append(rows, pulled{what: what, dest: dest.title, plain: d.version.SizeBytes(), one: w.crossing, two: crossed[dest]})
		wrong := 0
		for _, o := range d.version.Objects() {
			if err := d.differs(ctx, dest.reader, destPrefix, o, o.Content()); err != nil {
				wrong++
			}
		}
		d.checks.that(wrong == 0, fmt.Sprintf("%d differ", wrong), "%s: all %d objects are the source's byte for byte, read without datagravity", dest.title,
			len(d.version.Objects()))
	}
	return rows, nil
}

// reshuffle deals all samples of the dataset out anew at the source.
func (d *demo) reshuffle(ctx context.Context) (w workload, err error) {
	d.title("All samples are dealt out anew to the same shards")
	next, changes := d.version.Reshuffle(4)
	for _, c := range changes {
		w.crossing += c.SizeBytes
		w.fresh += c.NewBytes
		w.shards++
	}
	d.say("  %s in %d objects; %s of it is new", size(w.crossing), w.shards, size(w.fresh))
	d.version = next
	return w, next.UpdateAzure(ctx, d.azure, containerName, sourcePrefix, changes)
}

func (d *demo) tellPulled(rows []pulled) error {
	d.say("\nWhat crosses the paid link, headers, recipes and all:")
	t := tabwriter.NewWriter(d.out, 2, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "change\tto\ta copy of everything\tone agent\tan agent at each end\t")
	for _, r := range rows {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", r.what, r.dest, size(r.plain), size(r.one), size(r.two))
	}
	return t.Flush()
}
