package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/integration/dataset"
)

// The exit codes that the demo expects, as datagravity --help lists them.
const (
	exitDone   = 0
	exitNotYet = 75
)

// syncAnswer is what the demo reads of sync --json.
type syncAnswer struct {
	Snapshot string `json:"snapshot"`
	Ready    bool   `json:"ready"`
	Ways     map[string]struct {
		Shards int   `json:"shards"`
		Bytes  int64 `json:"bytes"`
	} `json:"ways"`
	NeededBytes int64   `json:"needed_bytes"`
	MovedBytes  int64   `json:"moved_bytes"`
	WireSent    int64   `json:"wire_sent_bytes"`
	Planned     money   `json:"planned_usd"`
	Settled     money   `json:"settled_usd"`
	Seconds     float64 `json:"seconds"`
}

// readyAnswer is what the demo reads of ready --json.
type readyAnswer struct {
	Snapshot string `json:"snapshot"`
	Ready    bool   `json:"ready"`
}

// workload is what a round must move, by what the demo itself knows of the dataset.
type workload struct {
	// crossing is the bytes of the objects that no destination has, shards how many those are, fresh the bytes in them that are
	// really new.
	crossing, fresh int64
	shards          int
	// renamed objects are at the destination already, under another name.
	renamed int
}

// story is the demo's three rounds, the account of them, and a job.
func (d *demo) story(ctx context.Context) error {
	d.title("Before the first replication nothing is ready")
	for _, dest := range d.dests {
		for _, flag := range []string{"--to", "--from"} {
			if err := d.ready(ctx, dest, flag, exitNotYet, ""); err != nil {
				return err
			}
		}
	}
	all := workload{crossing: d.version.SizeBytes(), fresh: d.version.SizeBytes(), shards: len(d.version.Objects())}
	if err := d.replicate(ctx, 1, all); err != nil {
		return err
	}
	changed, _, err := d.change(ctx, 1)
	if err != nil {
		return err
	}
	if err := d.replicate(ctx, 2, changed); err != nil {
		return err
	}
	if err := d.replicate(ctx, 3, workload{}); err != nil {
		return err
	}
	if err := d.account(ctx); err != nil {
		return err
	}
	if err := d.bill(ctx, d.started); err != nil {
		return err
	}
	if err := d.job(ctx); err != nil {
		return err
	}
	return d.agents(ctx)
}

// replicate plans, syncs and asks for readiness at every destination, then reads everything back.
func (d *demo) replicate(ctx context.Context, round int, w workload) error {
	d.title("Round %d: %s", round, [...]string{"all of it", "what changed", "nothing is left to do"}[round-1])
	for _, dest := range d.dests {
		if w.crossing > 0 {
			if err := d.show(ctx, exitDone, fmt.Sprintf("plan %s --to %s", datasetName, dest.name)); err != nil {
				return err
			}
		}
		if err := d.sync(ctx, dest, round, w); err != nil {
			return err
		}
	}
	d.say("What is there, read by the demo itself:")
	return d.audit(ctx, round)
}

func (d *demo) sync(ctx context.Context, dest *destination, round int, w workload) error {
	var s syncAnswer
	if err := d.read(ctx, fmt.Sprintf("sync %s --to %s", datasetName, dest.name), &s); err != nil {
		return err
	}
	d.say("  moved %s, %s on the wire, in %.1f s; planned %s, settled %s", size(s.MovedBytes), size(s.WireSent), s.Seconds, s.Planned, s.Settled)
	d.checks.that(s.Ready && s.Snapshot != "", fmt.Sprintf("ready %v, snapshot %q", s.Ready, s.Snapshot), "%s: sync says that the snapshot is there", dest.title)
	d.checks.that((s.Snapshot == dest.snapshot) == (round == 3), s.Snapshot+" after "+dest.snapshot, "%s: the snapshot is a new one exactly if the source changed", dest.title)
	d.checks.that(s.MovedBytes == w.crossing && s.Ways["full"].Shards == w.shards || dest.assembles && w.assembled(s),
		fmt.Sprintf("%d bytes, ways %+v", s.MovedBytes, s.Ways),
		"%s: %s moved for %d objects, as the changes demand", dest.title, size(s.MovedBytes), w.shards)
	d.checks.that(s.Ways["copy"].Shards == w.renamed, fmt.Sprintf("ways %+v", s.Ways), "%s: %d objects were copied by the destination itself", dest.title, w.renamed)
	if dest.assembles && round == 2 {
		d.checks.that(s.Ways["assemble"].Shards > 0, fmt.Sprintf("ways %+v", s.Ways),
			"%s: changed objects were put together from what the directory held and the chunks it lacked", dest.title)
	}
	d.checks.that(s.WireSent >= s.MovedBytes && s.WireSent <= s.MovedBytes+overhead(s.MovedBytes), fmt.Sprintf("%d sent for %d", s.WireSent, s.MovedBytes),
		"%s: those bytes were sent, and at most %s around them", dest.title, size(overhead(s.MovedBytes)))
	d.checks.that((s.Settled > 0) == (w.crossing > 0), s.Settled.Decimal(), "%s: it cost money exactly if bytes crossed", dest.title)
	dest.snapshot = s.Snapshot
	if hex := strings.TrimPrefix(s.Snapshot, "blake3:"); d.firstSnapshot == "" && len(hex) >= 12 {
		d.firstSnapshot = hex[:12]
	}
	dest.spent += s.Settled
	dest.payload += s.MovedBytes
	dest.wire += s.WireSent
	d.rows = append(d.rows, row{
		Destination: dest.name, Round: round, Needed: d.version.SizeBytes(), Missing: w.crossing, Crossed: s.WireSent,
		Planned: s.Planned, Settled: s.Settled, title: dest.title,
	})
	for _, flag := range []string{"--to", "--from"} {
		if err := d.ready(ctx, dest, flag, exitDone, s.Snapshot); err != nil {
			return err
		}
	}
	d.row(dest, round).Ready = true
	return nil
}

// assembled tells whether a sync moved what is new, and of the objects that changed no more than a part. New samples have labels and
// padding in common with old ones: 64 KiB are allowed for that.
func (w workload) assembled(s syncAnswer) bool {
	return s.Ways["full"].Shards+s.Ways["assemble"].Shards == w.shards && s.MovedBytes >= w.fresh-64<<10 && s.MovedBytes <= (w.fresh+w.crossing)/2
}

// overhead is the most that headers, request bodies and looking around may add: 2 % of what moves, and 64 KiB.
func overhead(moved int64) int64 { return moved/50 + 64<<10 }

// ready asks whether the dataset is at the destination: --to asks the manifest, --from the receipt, as a compute node would.
func (d *demo) ready(ctx context.Context, dest *destination, flag string, want int, snapshot string) error {
	var r readyAnswer
	code, err := d.ask(ctx, fmt.Sprintf("ready %s %s %s", datasetName, flag, dest.name), &r)
	if err != nil {
		return err
	}
	d.checks.that(code == want && r.Ready == (want == exitDone) && (snapshot == "" || r.Snapshot == snapshot), fmt.Sprintf("exit code %d, %+v", code, r),
		"%s: ready %s answers %d", dest.title, flag, want)
	return nil
}

// change makes the next version of the dataset at the source.
func (d *demo) change(ctx context.Context, seed uint64) (w workload, changes []dataset.Change, err error) {
	d.title("The dataset changes")
	next, changes, err := d.version.Mutate(seed)
	if err != nil {
		return w, nil, err
	}
	before := map[string]dataset.Object{}
	for _, o := range d.version.Objects() {
		before[o.Path] = o
	}
	var fresh int64
	for _, c := range changes {
		d.say("  %-9s %-28s %s", c.Kind, c.Path, c.Text)
		fresh += c.NewBytes
		switch {
		case c.Rewritten():
			w.crossing += c.SizeBytes
			w.shards++
		case c.Kind == dataset.Renamed:
			w.renamed++
			d.retained[c.From] = before[c.From]
		case c.Kind == dataset.Deleted:
			d.retained[c.Path] = before[c.Path]
		}
	}
	w.fresh = fresh
	d.say("  %s of it is new (%.1f %%), in %d objects of %s", size(fresh), 100*float64(fresh)/float64(next.SizeBytes()), w.shards, size(w.crossing))
	if err := next.UpdateAzure(ctx, d.azure, containerName, sourcePrefix, changes); err != nil {
		return w, nil, err
	}
	d.version = next
	return w, changes, nil
}
