package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
)

// delta is a dataset and what became of it. Both versions stand in a container of their own; the agent's store is told to be
// the one and then the other, which is what overwriting would be to it, and rclone is told the same.
type delta struct {
	before, after source
	// left is what a destination holds in the end: nobody deletes there what is gone from the source.
	left source
}

// newDelta writes both versions.
func (b *bed) newDelta(ctx context.Context, name string, objects int64, before, after func(i int64) object) (d delta, err error) {
	if d.before, err = b.write(ctx, name+"-before", objects, before); err != nil {
		return d, err
	}
	if d.after, err = b.write(ctx, name+"-after", objects, after); err != nil {
		return d, err
	}
	d.left = source{container: d.after.container, sha256: maps.Clone(d.before.sha256)}
	maps.Copy(d.left.sha256, d.after.sha256)
	d.left.objects = int64(len(d.left.sha256))
	return d, nil
}

func (b *bed) dropDelta(ctx context.Context, d delta) error {
	return errors.Join(b.dropSource(ctx, d.before), b.dropSource(ctx, d.after))
}

// site is a kind of destination, with a new place for each run.
type site struct {
	name  string
	place func(ctx context.Context) (place, error)
	// sent tells that what crosses is what was sent to the server, as a meter in front of it saw it. Otherwise, where there is
	// no server, it is what the agent says that it moved, and what rclone read from the source.
	sent bool
}

// s3Site is S3 as somebody else than Amazon serves it, in a place where reading back costs nothing: such a server may vouch for no
// checksum of what was put together there, so that it is read back. This one does vouch, as its URL says (assembled_checksums), and a
// row tells how much came back.
func (b *bed) s3Site(temporaryObjects bool) site {
	name := "to S3"
	if temporaryObjects {
		name += " with temporary objects"
	}
	return site{name: name, sent: true, place: func(ctx context.Context) (place, error) {
		p, err := b.newS3Place(ctx)
		p.location, p.temporaryObjects = "onprem:lab1", temporaryObjects
		return p, err
	}}
}

func (b *bed) fileSite() site {
	return site{name: "to a file store", place: func(context.Context) (place, error) { return b.filePlace(), nil }}
}

// crossing is what one program moved for a delta.
type crossing struct {
	bytes      int64 // crossed, see site
	movedBytes int64 // as the agent says; 0 of rclone
	backBytes  int64 // came back from the server; 0 of a site without one
}

// crossings has both programs bring the first version to a new place and then the second, and returns the medians of what
// crossed for the second.
func (b *bed) crossings(ctx context.Context, d delta, to site) (ours, peer crossing, err error) {
	var mine, theirs []crossing
	for run := range b.runs {
		m, err := b.crossed(ctx, d, to, b.syncDelta)
		if err != nil {
			return ours, peer, fmt.Errorf("datagravity, run %d: %w", run+1, err)
		}
		t, err := b.crossed(ctx, d, to, b.copyDelta)
		if err != nil {
			return ours, peer, fmt.Errorf("%s, run %d: %w", peerName, run+1, err)
		}
		mine, theirs = append(mine, m), append(theirs, t)
		b.say("  %s, run %d of %d: datagravity %.2f MiB, %s %.2f MiB; %.2f and %.2f MiB came back", to.name, run+1, b.runs, mib(m.bytes),
			peerName, mib(t.bytes), mib(m.backBytes), mib(t.backBytes))
	}
	return medianCrossing(mine), medianCrossing(theirs), nil
}

func medianCrossing(list []crossing) crossing {
	middle := func(of func(crossing) int64) int64 {
		values := make([]float64, len(list))
		for i, c := range list {
			values[i] = float64(of(c))
		}
		return int64(median(values))
	}
	return crossing{
		bytes:      middle(func(c crossing) int64 { return c.bytes }),
		movedBytes: middle(func(c crossing) int64 { return c.movedBytes }),
		backBytes:  middle(func(c crossing) int64 { return c.backBytes }),
	}
}

// crossed runs one program at a new place, looks at every byte of what it left, and removes it.
func (b *bed) crossed(ctx context.Context, d delta, to site, with func(context.Context, delta, site, place, meters) (crossing, error)) (c crossing, err error) {
	at, err := to.place(ctx)
	if err != nil {
		return c, err
	}
	m, err := b.openMeters()
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if c, err = with(ctx, d, to, at, m); err != nil {
		return c, err
	}
	return c, errors.Join(b.expectSame(ctx, at, d.left), b.expectTidy(ctx, at), b.drop(at))
}

// syncDelta is our way. Between the two syncs the agent indexes, which costs nothing where it stands beside the source.
func (b *bed) syncDelta(ctx context.Context, d delta, to site, at place, m meters) (c crossing, err error) {
	a, err := b.newAgent(b.azurePlace(d.before.container), at)
	if err != nil {
		return c, err
	}
	u, err := a.sync().run(ctx)
	if err == nil {
		err = expectReady(u, d.before.totalBytes)
	}
	if err != nil {
		return c, fmt.Errorf("first version: %w", err)
	}
	if err := a.configure(b.azurePlace(d.after.container), at.behind(m.dest.Through)); err != nil {
		return c, err
	}
	if _, err := a.command("index", datasetName).run(ctx); err != nil {
		return c, err
	}
	before := m.counts()
	if u, err = a.sync().run(ctx); err != nil {
		return c, err
	}
	said, err := readSummary(u)
	if err != nil {
		return c, err
	}
	c = crossing{bytes: said.MovedBytes, movedBytes: said.MovedBytes}
	if to.sent {
		moved := m.counts().sub(before).dest
		c.bytes, c.backBytes = moved.SentBytes, moved.ReceivedBytes
		if c.bytes == 0 {
			return c, errors.New("nothing passed the meter in front of the destination: the sync went past it")
		}
	}
	return c, a.remove()
}

// copyDelta is rclone's way.
func (b *bed) copyDelta(ctx context.Context, d delta, to site, at place, m meters) (c crossing, err error) {
	if _, err := b.copyDataset(b.azurePlace(d.before.container), at).run(ctx); err != nil {
		return c, fmt.Errorf("first version: %w", err)
	}
	before := m.counts()
	from := b.azurePlace(d.after.container).behind(m.source.Through)
	if _, err := b.copyDataset(from, at.behind(m.dest.Through)).run(ctx); err != nil {
		return c, err
	}
	moved := m.counts().sub(before)
	if c.bytes = moved.source.ReceivedBytes; to.sent {
		c.bytes, c.backBytes = moved.dest.SentBytes, moved.dest.ReceivedBytes
	}
	return c, nil
}

// rows are those of one site: what crosses, and what was read back to prove it where there is a server to read from.
func (d delta) rows(name string, to site, ours, peer crossing, mostPercent float64) []row {
	name += ", " + to.name + ": "
	rows := []row{atMost(name+"share that crosses", "%", d.share(ours.bytes), d.share(peer.bytes), mostPercent)}
	if to.sent {
		rows = append(rows, told(name+"share that is read back", "%", d.share(ours.backBytes), d.share(peer.backBytes)))
	}
	return rows
}

// share is a part of the dataset's new version in percent.
func (d delta) share(bytes int64) float64 { return 100 * float64(bytes) / float64(d.after.totalBytes) }
