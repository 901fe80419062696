package simulation

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// TestOracleNotices hands the oracle worlds that are not as they should be, each in one thing.
func TestOracleNotices(t *testing.T) {
	ctx := context.Background()
	first := func(w *world) string {
		for _, key := range w.destKeys() {
			if o, err := w.dest.Head(ctx, key); err == nil && o.Size > 1 {
				return key
			}
		}
		w.t.Error("nothing came")
		return ""
	}
	for _, c := range []struct {
		name, want string
		before     func(w *world)
		after      func(w *world)
	}{
		{name: "nothing"},
		{name: "a wrong byte", want: "it holds", after: func(w *world) { w.dest.Rot(first(w), 9) }},
		{name: "an object that is gone", want: "which is not there, and nobody removed it", after: func(w *world) {
			w.must(w.dest.Delete(ctx, store.Ref{Key: first(w)}))
		}},
		{name: "ready without an object", want: "calls job job-01 ready", after: func(w *world) {
			w.must(w.dest.Delete(ctx, store.Ref{Key: first(w)}))
			w.must(w.checkReady(w.agents[0], "job-01", true))
		}},
		{name: "bytes that the source never had", want: "which the source never had there", after: func(w *world) {
			delete(w.model.versions, strings.TrimPrefix(first(w), destPath))
		}},
		{name: "a replacement that the source never had", want: "which the source never had there", after: func(w *world) {
			_, err := w.dest.Put(ctx, first(w), []byte("mixed"), store.WriteOptions{Condition: store.Always()})
			w.must(err)
		}},
		{name: "an overspent budget", want: "its budget is 1000", before: func(w *world) { w.model.agents["iowa"].limit = 1000 }},
		{name: "bytes read again", want: "bytes again, of which 0 were in flight", after: func(w *world) {
			b := make([]byte, 2)
			key := sourcePath + strings.TrimPrefix(first(w), destPath)
			for range 2 {
				w.must(w.agents[0].source.ReadRange(ctx, store.Ref{Key: key}, 0, b))
			}
		}},
		{name: "an open upload", want: "left behind: uploads data/c4/open", after: func(w *world) {
			_, err := w.dest.CreateUpload(ctx, "data/c4/open", store.UploadOptions{Size: 10})
			w.must(err)
		}},
		{name: "what does not arrive", want: "12 hours after the last fault job job-01 of iowa is", before: func(w *world) {
			w.agents[0].dest.broken = true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := stateDir(t)
			var wrong []string
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.kinds = nil
				w.hire(dir, "iowa", azure, 0)
				for _, path := range []string{"train/a.bin", "val/b.bin"} {
					w.putSource(path, slices.Repeat([]byte(path), 20_000))
				}
				w.model.agents["iowa"].excused = 0
				if c.before != nil {
					c.before(w)
				}
				time.Sleep(moment)
				w.addJob(w.agents[0])
				time.Sleep(time.Hour)
				if c.after != nil {
					c.after(w)
					w.check()
				}
				if c.name == "what does not arrive" {
					w.settle()
				}
				w.collect()
				wrong = w.model.wrong
			})
			noticed := slices.ContainsFunc(wrong, func(s string) bool { return strings.Contains(s, c.want) })
			if c.want == "" && len(wrong) > 0 || c.want != "" && !noticed {
				t.Errorf("said %q, want %q", wrong, c.want)
			}
		})
	}
}
