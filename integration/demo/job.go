package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/integration/dataset"
)

const (
	// jobID is a job that can be had, heldID one that its budget does not allow.
	jobID, heldID = "pretrain-7", "try-1"
	// heldBudget counts what jobs move whose names begin as heldID does, heldBytes is its limit.
	heldBudget, heldJobs, heldBytes = "experiments", "try-*", "64KiB"
	// jobReach is how many shards before and after a changed one the job needs too.
	jobReach = 6

	exitHeld = 3
)

// need is what a job selects.
type need struct {
	selection string // WebDataset's notation
	objects   []dataset.Object
	// fresh are the objects among them that no destination has.
	fresh     []dataset.Object
	freshSize int64
}

// needOf is a run of numbered shards around the one in which a sample was replaced.
func (d *demo) needOf(changes []dataset.Change) (n need, err error) {
	objects := map[string]dataset.Object{}
	for _, o := range d.version.Objects() {
		objects[o.Path] = o
	}
	rewritten := map[string]bool{}
	middle := -1
	for _, c := range changes {
		rewritten[c.Path] = c.Rewritten()
		if c.Kind == dataset.Replaced {
			if middle, err = shardNumber(c.Path); err != nil {
				return n, err
			}
		}
	}
	has := func(number int) bool { _, ok := objects[shardPath(number)]; return ok }
	if !has(middle) {
		return n, errors.New("the dataset changed, and no numbered shard has another sample")
	}
	first, last := middle, middle
	for first > middle-jobReach && has(first-1) {
		first--
	}
	for last < middle+jobReach && has(last+1) {
		last++
	}
	n.selection = fmt.Sprintf("%s-{%06d..%06d}.tar", shape.Name, first, last)
	for number := first; number <= last; number++ {
		o := objects[shardPath(number)]
		n.objects = append(n.objects, o)
		if rewritten[o.Path] {
			n.fresh, n.freshSize = append(n.fresh, o), n.freshSize+o.SizeBytes
		}
	}
	return n, nil
}

func shardPath(number int) string { return fmt.Sprintf("%s-%06d.tar", shape.Name, number) }

// shardNumber is the number that a shard has been made with, also after it was renamed.
func shardNumber(path string) (int, error) {
	text, _, _ := strings.Cut(strings.TrimPrefix(path, shape.Name+"-"), "-")
	return strconv.Atoi(strings.TrimSuffix(text, ".tar"))
}

// job has the dataset change once more, and a job be declared, brought and run beside a daemon; another one is held by its budget.
func (d *demo) job(ctx context.Context) (err error) {
	_, changes, err := d.change(ctx, 2)
	if err != nil {
		return err
	}
	n, err := d.needOf(changes)
	if err != nil {
		return err
	}
	d.title("A job needs a part of it, and a daemon brings that")
	p, err := d.background(ctx)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.kill(), os.WriteFile(filepath.Join(d.root, work, "logs", "daemon.err"), p.said.Bytes(), 0o644))
	}()
	for _, step := range []func(context.Context, need) error{d.brought, d.ran, d.placed, d.held} {
		if err := step(ctx, n); err != nil {
			return err
		}
	}
	d.say("$ kill -TERM %%1")
	code, err := p.end()
	d.checks.that(err == nil && code == exitDone, fmt.Sprintf("exit code %d, %v", code, err), "the daemon ends on SIGTERM with %d", exitDone)
	return nil
}

// jobAnswer is what the demo reads of jobs show --json.
type jobAnswer struct {
	State      string `json:"state"`
	Snapshot   string `json:"snapshot"`
	ShardCount int    `json:"shard_count"`
	NeedBy     string `json:"need_by"`
	Places     []struct {
		Destination   string `json:"destination"`
		MissingShards int    `json:"missing_shards"`
		Budget        string `json:"budget"`
		NeedsBytes    int64  `json:"needs_bytes"`
	} `json:"destinations"`
}

// brought declares the job, waits for it, and reads what it selects from where it is wanted.
func (d *demo) brought(ctx context.Context, n need) error {
	to := d.dests[0]
	if err := d.show(ctx, exitDone, fmt.Sprintf("stage %s --to %s --job %s --shards '%s' --need-by +2h", datasetName, to.name, jobID, n.selection)); err != nil {
		return err
	}
	if err := d.show(ctx, exitDone, "wait --job "+jobID+" --timeout 60s"); err != nil {
		return err
	}
	var j jobAnswer
	if err := d.show(ctx, exitDone, "jobs show "+jobID); err != nil {
		return err
	}
	if err := d.read(ctx, "jobs show "+jobID, &j); err != nil {
		return err
	}
	d.checks.that(j.State == "ready" && j.ShardCount == len(n.objects) && j.Snapshot != "" && j.NeedBy != "" && len(j.Places) == 1 && j.Places[0].MissingShards == 0,
		fmt.Sprintf("%+v", j), "job %s is ready: %d shards, %d of them new, of a snapshot that it is pinned to", jobID, len(n.objects), len(n.fresh))
	var wrong []string
	for _, o := range n.objects {
		if err := d.differs(ctx, to.reader, destPrefix, o, o.Content()); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	d.checks.that(len(wrong) == 0, first(wrong), "%s: the job's %d shards are the source's byte for byte, read without datagravity", to.title, len(n.objects))
	// The receipt comes after the proof, by the daemon's next pass.
	return d.show(ctx, exitDone, fmt.Sprintf("wait --job %s --from %s --timeout 60s", jobID, to.name))
}

// ran has the job run a command that counts its shards.
func (d *demo) ran(ctx context.Context, n need) error {
	args := "exec --job " + jobID + " -- sh -c 'wc -l < $DATAGRAVITY_SHARDS_FILE'"
	d.say("$ %s %s", d.program(), args)
	c, err := d.run(ctx, args)
	if err != nil {
		return err
	}
	d.quote(c.out)
	lines, failed := strconv.Atoi(strings.TrimSpace(string(c.out)))
	d.checks.that(failed == nil && c.code == exitDone && lines == len(n.objects), fmt.Sprintf("exit code %d, %q", c.code, c.out),
		"the command of the job ran, and its list has %d shards", len(n.objects))
	return nil
}

// placed compares the destinations that the job could run at.
func (d *demo) placed(ctx context.Context, n need) error {
	args := "place " + jobID
	if err := d.show(ctx, exitDone, args); err != nil {
		return err
	}
	var list []struct {
		Destination  string `json:"destination"`
		MissingBytes int64  `json:"missing_bytes"`
		USD          money  `json:"usd"`
		Wanted       bool   `json:"wanted"`
	}
	if err := d.read(ctx, args, &list); err != nil {
		return err
	}
	right := len(list) == len(d.dests)
	for _, p := range list {
		there := p.Destination == d.dests[0].name
		right = right && p.Wanted == there && (there && p.MissingBytes == 0 && p.USD == 0 || !there && p.MissingBytes == n.freshSize && p.USD > 0)
	}
	d.checks.that(right, fmt.Sprintf("%+v", list), "place: nothing is missing at %s, and %s at the others, with its price", d.dests[0].title, size(n.freshSize))
	return nil
}

// held declares a job that its budget has no room for.
func (d *demo) held(ctx context.Context, n need) error {
	to := d.dests[1]
	if err := d.show(ctx, exitDone, fmt.Sprintf("stage %s --to %s --job %s --shards '%s'", datasetName, to.name, heldID, n.selection)); err != nil {
		return err
	}
	if err := d.show(ctx, exitHeld, "wait --job "+heldID+" --timeout 60s --give-up-when-held"); err != nil {
		return err
	}
	var j jobAnswer
	if err := d.show(ctx, exitDone, "jobs show "+heldID); err != nil {
		return err
	}
	if err := d.read(ctx, "jobs show "+heldID, &j); err != nil {
		return err
	}
	d.checks.that(j.State == "held" && len(j.Places) == 1 && j.Places[0].Budget == heldBudget && j.Places[0].MissingShards == len(n.fresh),
		fmt.Sprintf("%+v", j), "job %s is held by budget %s, which says what it lacks", heldID, heldBudget)
	return nil
}
