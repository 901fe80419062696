package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// SpecFolder declares the jobs of a folder of spec files: one that appears is taken in, one that goes is taken back.
type SpecFolder struct {
	Folder spec.Folder
	Poll   time.Duration

	state spec.State
	looks int
	// cleared: what was taken out before is gone, of every file.
	cleared bool
	told    string // the error of the last scan, so that it is said once
	// waiting are the jobs that were refused, and why; they are tried again, since what is in the way may go.
	waiting map[string]string
}

// Every is how often the folder is looked at.
func (f *SpecFolder) Every() time.Duration { return f.Poll }

const folderOrigin = "folder:"

// Declare has the dispatcher know the jobs of the folder as they are now. Wrong ones are logged, and leave the others alone.
func (f *SpecFolder) Declare(ctx context.Context, d *Dispatcher) error {
	changes, state, err := f.Folder.Scan(f.state)
	if err != nil {
		if text := err.Error(); text != f.told {
			f.told = text
			d.Log.Error("the folder of jobs cannot be read; what it declared before stays", "error", err)
		}
		return nil
	}
	f.told = ""
	for _, e := range changes.Errs {
		d.Log.Error("a job in the folder is wrong", "error", e)
	}
	origin := folderOrigin + f.Folder.Dir
	gone := changes.Gone
	if f.looks++; f.looks > 1 && !f.cleared {
		// What it declared before this process began and the folder no longer has was taken out meanwhile. In two looks, as the scan itself has it: a file
		// may just be written.
		wrong := wrongFiles(state.Errs())
		if gone, err = d.goneFrom(origin, state.Jobs(), wrong); err != nil {
			return err
		}
		f.cleared = len(wrong) == 0
	}
	if len(gone) > 0 {
		if err := d.Remove(ctx, gone); err != nil && !onlyNoJob(err) {
			return err // the next look finds them gone again
		}
	}
	list := changes.Added
	list = append(list, changes.Changed...)
	for id := range f.waiting {
		i := slices.IndexFunc(state.Jobs(), func(j spec.Job) bool { return j.ID == id })
		if i >= 0 && !slices.ContainsFunc(list, func(j spec.Job) bool { return j.ID == id }) {
			list = append(list, state.Jobs()[i])
		}
	}
	before := f.waiting
	f.waiting = nil
	if len(list) > 0 {
		_, err = d.Add(ctx, origin, list)
		for id, why := range Refused(err) {
			if f.waiting == nil {
				f.waiting = map[string]string{}
			}
			if f.waiting[id] = why.Error(); before[id] != why.Error() {
				d.Log.Error("a job in the folder cannot be taken; it is tried again", "job", id, "error", why)
			}
		}
		if err != nil && len(f.waiting) == 0 {
			f.waiting = before
			return err
		}
	}
	f.state = state
	return nil
}

// onlyNoJob tells that nothing went wrong but that jobs are not there.
func onlyNoJob(err error) bool {
	list, several := err.(interface{ Unwrap() []error })
	if !several {
		return errors.Is(err, ErrNoJob)
	}
	return !slices.ContainsFunc(list.Unwrap(), func(e error) bool { return !onlyNoJob(e) })
}

// wrongFiles are those that mistakes are in; what they gave before counts.
func wrongFiles(errs []error) map[string]bool {
	out := map[string]bool{}
	for _, err := range errs {
		var several spec.Errors
		var one *spec.Error
		if errors.As(err, &several) {
			for _, e := range several {
				out[e.Path] = true
			}
		} else if errors.As(err, &one) {
			out[one.Path] = true
		}
	}
	return out
}

// goneFrom are the jobs of an origin that it no longer declares, but for those of some files.
func (d *Dispatcher) goneFrom(origin string, declared []spec.Job, except map[string]bool) (gone []string, err error) {
	has := map[string]bool{}
	for _, j := range declared {
		has[j.ID] = true
	}
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Jobs(func(j manifest.Job) (bool, error) {
			if j.Origin == origin && !has[j.ID] && !except[j.File] {
				gone = append(gone, j.ID)
			}
			return true, nil
		})
	})
	return gone, err
}
