package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/integration/dataset"
)

// readersAtOnce is how many objects are compared at the same time; each holds two copies of one in memory.
const readersAtOnce = 2

// private is where datagravity keeps what is no shard.
const private = ".datagravity/"

// fileLock is where a directory's writers take turns. The lock is the kernel's, on a file that stays.
const fileLock = private + "uploads/lock"

// audit is what an independent reading found at one destination.
type audit struct {
	same  int // objects equal to the source, byte for byte
	wrong []string
}

// compare reads every object of the present version from the source and from every destination, and what the source no
// longer has from the destinations, and compares all bytes. The source is compared with the generator, so that it is known
// to hold what the demo wrote.
func (d *demo) compare(ctx context.Context) (map[string]*audit, error) {
	found := map[string]*audit{}
	for _, dest := range d.dests {
		found[dest.name] = &audit{}
	}
	var mu sync.Mutex
	note := func(dest *destination, err error) {
		mu.Lock()
		defer mu.Unlock()
		if a := found[dest.name]; err != nil {
			a.wrong = append(a.wrong, err.Error())
		} else {
			a.same++
		}
	}
	objects := d.version.Objects()
	current := len(objects)
	for _, path := range slices.Sorted(maps.Keys(d.retained)) {
		objects = append(objects, d.retained[path])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readersAtOnce)
	for i, o := range objects {
		g.Go(func() error {
			want := o.Content()
			if i < current {
				if err := d.differs(ctx, d.source, sourcePrefix, o, want); err != nil {
					return fmt.Errorf("the source itself, read by the demo: %w", err)
				}
			}
			for _, dest := range d.dests {
				err := d.differs(ctx, dest.reader, destPrefix, o, want)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil || i < current {
					note(dest, err)
				}
			}
			return nil
		})
	}
	return found, g.Wait()
}

func (d *demo) differs(ctx context.Context, r bucketReader, prefix string, o dataset.Object, want []byte) error {
	got, err := r.read(ctx, prefix+o.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %d bytes there, %d at the source, and they differ", o.Path, len(got), len(want))
	}
	return nil
}

// audit checks what is at every destination after a round, with readers that know nothing of datagravity.
func (d *demo) audit(ctx context.Context, round int) error {
	found, err := d.compare(ctx)
	if err != nil {
		return err
	}
	objects := d.version.Objects()
	for _, dest := range d.dests {
		a := found[dest.name]
		d.checks.that(len(a.wrong) == 0 && a.same == len(objects),
			fmt.Sprintf("%d are; %s", a.same, first(a.wrong)),
			"%s: all %d objects are the source's byte for byte, read without datagravity", dest.title, len(objects))
		keys, err := dest.reader.list(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", dest.title, err)
		}
		d.checkListing(dest, keys, objects)
		r := d.row(dest, round)
		r.Objects, r.Verified = len(objects), len(a.wrong) == 0 && a.same == len(objects)
		dest.keys = keys
	}
	return nil
}

// checkListing compares a destination's keys with what must be there: this version, what earlier ones left, and of
// datagravity's own nothing but receipts.
func (d *demo) checkListing(dest *destination, keys map[string]int64, objects []dataset.Object) {
	want := map[string]bool{}
	for _, o := range objects {
		want[destPrefix+o.Path] = true
	}
	for path := range d.retained {
		want[destPrefix+path] = true
	}
	var foreign, leftover, deleted []string
	for key := range keys {
		switch {
		case strings.HasPrefix(key, private+"ready/") || key == fileLock:
		case strings.HasPrefix(key, private):
			leftover = append(leftover, key)
		case !want[key]:
			foreign = append(foreign, key)
		}
	}
	for key := range dest.keys {
		if _, ok := keys[key]; !ok && !strings.HasPrefix(key, private) {
			deleted = append(deleted, key)
		}
	}
	d.checks.that(len(foreign) == 0, first(foreign), "%s: nothing is there that was not asked for", dest.title)
	d.checks.that(len(leftover) == 0, first(leftover), "%s: no temporary object or unfinished upload is left", dest.title)
	if dest.keys != nil {
		d.checks.that(len(deleted) == 0, first(deleted), "%s: nothing was deleted; the %d objects that the source no longer has are still there",
			dest.title, len(d.retained))
	}
}

// first names one of what is wrong.
func first(wrong []string) string {
	if len(wrong) == 0 {
		return ""
	}
	slices.Sort(wrong)
	return fmt.Sprintf("%s (and %d more)", wrong[0], len(wrong)-1)
}
