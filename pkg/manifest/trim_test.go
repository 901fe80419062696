package manifest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// history is a manifest under a random history, and what should be in it. Its one dataset is mirrored under data/, and in folders of its snapshots under all/.
type history struct {
	dir string
	m   *Manifest
	now time.Time

	snapshots map[chunker.Digest]map[string]string // contents by path
	latest    chunker.Digest
	named     map[string]chunker.Digest // by what names them, beside the dataset
	facts     map[string]string         // contents by path
	learned   map[string]time.Time
	replicas  map[string]string // contents by key
	deleted   map[string]time.Time
	// unneeded is since when a trim saw that nothing needs a snapshot.
	unneeded map[chunker.Digest]time.Time
}

func newHistory(t testing.TB, dir string) *history {
	h := &history{
		dir: dir, now: noon, snapshots: map[chunker.Digest]map[string]string{}, named: map[string]chunker.Digest{},
		facts: map[string]string{}, learned: map[string]time.Time{}, replicas: map[string]string{},
		deleted: map[string]time.Time{}, unneeded: map[chunker.Digest]time.Time{},
	}
	h.m = open(t, dir, Options{Now: func() time.Time { return h.now }})
	return h
}

func recipeName(content string) string { return "content " + content }

// index takes a snapshot of random contents of some paths, as a dataset's latest or of a selection.
func (h *history) index(t *rapid.T) {
	content := map[string]string{}
	var recipes []NewRecipe
	var list []Shard
	for i := range rapid.IntRange(1, 3).Draw(t, "paths") {
		path := fmt.Sprintf("p%d", 3*rapid.IntRange(0, 2).Draw(t, "path")+i)
		if content[path] != "" {
			continue
		}
		content[path] = fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "content"))
	}
	for _, path := range slices.Sorted(maps.Keys(content)) {
		r := recipeOf(t, recipeName(content[path]))
		recipes = append(recipes, r)
		list = append(list, Shard{Path: path, Size: 1, Digest: digest(content[path]), Recipe: r.Digest})
	}
	id := digest(fmt.Sprint(content))
	stored, err := h.m.StoreRecipes(recipes)
	if err != nil {
		t.Fatal(err)
	}
	whole := rapid.IntRange(0, 3).Draw(t, "whole") > 0
	update(t, h.m, func(tx *Tx) error {
		err := errors.Join(tx.PutRecipes(stored), putSnapshot(tx, id, "c4", list))
		for _, s := range list {
			err = errors.Join(err, tx.PutFact("c4", Fact{Path: s.Path, Shard: s.Digest, Recipe: s.Recipe, Indexed: At(h.now)}))
		}
		if whole {
			err = errors.Join(err, tx.PutDataset(Dataset{Name: "c4", Latest: id}))
		}
		return err
	})
	for path, c := range content {
		h.facts[path], h.learned[path] = c, h.now
	}
	h.snapshots[id] = content
	delete(h.unneeded, id) // it was written anew
	if whole {
		h.latest = id
	}
}

func (h *history) any(t *rapid.T) (id chunker.Digest, ok bool) {
	ids := slices.SortedFunc(maps.Keys(h.snapshots), func(a, b chunker.Digest) int { return slices.Compare(a[:], b[:]) })
	if len(ids) == 0 {
		return id, false
	}
	return rapid.SampledFrom(ids).Draw(t, "snapshot"), true
}

// bring has some shards of a snapshot at a destination.
func (h *history) bring(t *rapid.T) {
	id, ok := h.any(t)
	if !ok {
		return
	}
	prefix := rapid.SampledFrom([]string{"data/", "all/" + folderOf(id) + "/"}).Draw(t, "prefix")
	for _, path := range slices.Sorted(maps.Keys(h.snapshots[id])) {
		if rapid.IntRange(0, 2).Draw(t, "lacks") == 0 {
			continue
		}
		c := h.snapshots[id][path]
		r := Replica{Store: "lab", Key: prefix + path, Shard: digest(c), Recipe: recipeOf(t, recipeName(c)).Digest, Written: At(h.now)}
		if rapid.IntRange(0, 5).Draw(t, "suspect") == 0 {
			r.Missing = Suspect
		}
		update(t, h.m, func(tx *Tx) error { return tx.PutReplica(r) })
		h.replicas[r.Key] = c
		delete(h.deleted, r.Key)
	}
}

func (h *history) remove(t *rapid.T) {
	keys := slices.Sorted(maps.Keys(h.replicas))
	if len(keys) == 0 {
		return
	}
	key := rapid.SampledFrom(keys).Draw(t, "key")
	update(t, h.m, func(tx *Tx) error {
		r, _, err := tx.Replica("lab", key)
		r.Missing, r.Seen = Deleted, At(h.now)
		return errors.Join(err, tx.PutReplica(r))
	})
	delete(h.replicas, key)
	h.deleted[key] = h.now
}

// name has a record name a snapshot, or takes that back.
func (h *history) name(t *rapid.T) {
	id, ok := h.any(t)
	if !ok {
		return
	}
	kind := rapid.SampledFrom([]string{"need", "open", "pin", "job", "asked"}).Draw(t, "kind")
	back := rapid.Bool().Draw(t, "back")
	update(t, h.m, func(tx *Tx) error {
		switch {
		case back:
			return errors.Join(tx.DeleteNeed("need"), tx.DeleteNeed("open"), tx.DeletePin(Pin{Owner: "me", Destination: "lab", Dataset: "c4"}), tx.DeleteJob("job"), tx.DeleteJob("asked"))
		case kind == "need":
			return tx.PutNeed(Need{ID: kind, Dataset: "c4", Snapshot: id, Ready: At(h.now)})
		case kind == "open":
			return tx.PutNeed(Need{ID: kind, Dataset: "c4", Open: &OpenNeed{Snapshot: id}})
		case kind == "pin":
			return tx.PutPin(Pin{Owner: "me", Destination: "lab", Dataset: "c4", Snapshot: id})
		case kind == "asked":
			return tx.PutJob(Job{ID: kind, Dataset: "c4", Asked: id})
		default:
			return tx.PutJob(Job{ID: kind, Dataset: "c4", Snapshot: id})
		}
	})
	if back {
		clear(h.named)
	} else {
		h.named[kind] = id
	}
}

func (h *history) needed() map[chunker.Digest]bool {
	out := map[chunker.Digest]bool{h.latest: true}
	for _, id := range h.named {
		out[id] = true
	}
	return out
}

// holds tells whether something stands under a key that may be this path of the dataset, or of a snapshot of it. Whose prefix is which no manifest knows.
func (h *history) holds(path, content string) (yes bool) {
	for key, c := range h.replicas {
		yes = yes || c == content && strings.HasSuffix(key, "/"+path)
	}
	return yes
}

// nobodys are the keys at the destination that neither a fact nor a snapshot names, as a destination's inventory looks at them.
func (h *history) nobodys(t rapid.TB, m *Manifest) (list []string) {
	view(t, m, func(tx *Tx) error {
		for key := range h.replicas {
			r, ok, err := tx.Replica("lab", key)
			if err != nil || !ok {
				t.Fatalf("the replica under %s: %v", key, err)
			}
			path, folder := strings.TrimPrefix(key, "data/"), ""
			if inside, beside := strings.CutPrefix(key, "all/"); beside {
				folder, path, _ = strings.Cut(inside, "/")
			}
			f, _, err := tx.Fact("c4", path)
			known := f.Shard == r.Shard
			err = errors.Join(err, tx.Snapshots("c4", func(s SnapshotHeader) error {
				return tx.SnapshotShards(s.ID, func(sh Shard) (bool, error) {
					known = known || sh.Path == path && sh.Digest == r.Shard && (folder == "" || folder == folderOf(s.ID))
					return true, nil
				})
			}))
			if err != nil {
				return err
			}
			if !known {
				list = append(list, key)
			}
		}
		return nil
	})
	slices.Sort(list)
	return list
}

// trim forgets, in a process that may die after any of its transactions, and then in another one.
func (h *history) trim(t *rapid.T) {
	keep := time.Duration(rapid.IntRange(0, 4).Draw(t, "keep")) * time.Hour
	atOnce := rapid.IntRange(0, 3).Draw(t, "at once")
	before := h.nobodys(t, h.m)
	needed := h.needed()
	for id := range h.snapshots {
		switch since, seen := h.unneeded[id]; {
		case needed[id]:
			delete(h.unneeded, id)
		case !seen || since.After(h.now):
			h.unneeded[id] = h.now
		}
	}
	o := TrimOptions{
		Keep:       keep,
		ShardCosts: time.Duration(rapid.IntRange(0, 3).Draw(t, "shard costs")) * time.Hour,
		JobCosts:   time.Duration(rapid.IntRange(0, 3).Draw(t, "job costs")) * time.Hour,
	}
	booked := ledgerOf(t, h.m)
	dryRun := o
	dryRun.DryRun = true
	dry, err := h.m.Trim(t.Context(), dryRun)
	if err != nil {
		t.Fatal(err)
	}
	dies := rapid.IntRange(0, 20).Draw(t, "dies")
	image, commits := filepath.Join(h.dir, "..", "image"), 0
	if err := os.RemoveAll(image); err != nil {
		t.Fatal(err)
	}
	crashpoint.Set(func(p crashpoint.Point) {
		if p == crashpoint.CommitAfter {
			if commits++; commits == dies {
				if err := os.CopyFS(image, os.DirFS(h.dir)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	once := o
	once.atOnce = atOnce
	out, err := h.m.Trim(t.Context(), once)
	crashpoint.Set(nil)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(dry.Snapshots, dry.Facts, dry.Replicas, dry.Lines) != fmt.Sprint(out.Snapshots, out.Facts, out.Replicas, out.Lines) || dry.Recipes > out.Recipes {
		t.Errorf("a dry run said %+v, and this was done: %+v", dry, out)
	}
	if dies > 0 && dies <= commits {
		h.another(t, image, o, before, booked)
	}
	h.forgotten(t, h.m, keep, before)
	h.summed(t, h.m, o, booked)
	h.adjust(t)
}

// another process finds what one that died left, and finishes it.
func (h *history) another(t *rapid.T, image string, o TrimOptions, before []string, booked map[string]Line) {
	m, err := OpenDir(image, Options{Now: func() time.Time { return h.now }})
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, m)
	sound(t, m)
	if _, err := m.Trim(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	h.forgotten(t, m, o.Keep, before)
	h.summed(t, m, o, booked)
}

func sound(t rapid.TB, m *Manifest) {
	t.Helper()
	c, err := m.Check(context.Background(), CheckOptions{Packs: true})
	if err != nil || len(c.Findings) > 0 {
		t.Fatalf("%v: %+v", err, c.Findings)
	}
}

// forgotten: what was needed is there and whole, and nothing else is.
func (h *history) forgotten(t *rapid.T, m *Manifest, keep time.Duration, before []string) {
	sound(t, m)
	if after := h.nobodys(t, m); !slices.Equal(before, after) {
		t.Errorf("objects that nothing names: %v before, %v after", before, after)
	}
	kept := map[chunker.Digest]bool{}
	view(t, m, func(tx *Tx) error {
		return tx.Snapshots("c4", func(s SnapshotHeader) error { kept[s.ID] = true; return nil })
	})
	referred := map[chunker.Digest]bool{}
	paths := map[string]bool{}
	for id, content := range h.snapshots {
		since, unneeded := h.unneeded[id]
		old := unneeded && !since.After(h.now.Add(-keep))
		if !old && !kept[id] {
			t.Errorf("snapshot %v is forgotten: unneeded since %v, it is %v", content, since, h.now)
		}
		wanted := false
		for path, c := range content {
			wanted = wanted || h.holds(path, c)
		}
		if old && !wanted && kept[id] {
			t.Errorf("snapshot %v is there, unneeded since %v, it is %v and %v are kept", content, since, h.now, keep)
		}
		if !kept[id] {
			continue
		}
		got := map[string]string{}
		view(t, m, func(tx *Tx) error {
			return tx.SnapshotShards(id, func(s Shard) (bool, error) {
				got[s.Path] = content[s.Path]
				if s.Digest != digest(content[s.Path]) {
					t.Errorf("another content under %s", s.Path)
				}
				return true, nil
			})
		})
		if !maps.Equal(got, content) {
			t.Errorf("snapshot %v has %v", content, got)
		}
		for path, c := range content {
			paths[path] = true
			referred[digest(recipeName(c))] = true
			wantRecipe(t, m, recipeName(c), recipeOf(t, recipeName(c)))
		}
	}
	h.records(t, m, keep, paths, referred)
}

// records: facts of paths that are named are there, and of others those that are young or tell whose an object is; recipes are those that are referred to.
func (h *history) records(t *rapid.T, m *Manifest, keep time.Duration, paths map[string]bool, referred map[chunker.Digest]bool) {
	oldest := h.now.Add(-keep)
	facts := map[string]bool{}
	view(t, m, func(tx *Tx) error {
		return tx.Facts("c4", func(f Fact) (bool, error) {
			facts[f.Path] = true
			referred[digest(recipeName(h.facts[f.Path]))] = true
			return true, nil
		})
	})
	for path := range h.facts {
		if must := paths[path] || h.learned[path].After(oldest) || h.replicas["data/"+path] == h.facts[path]; must && !facts[path] {
			t.Errorf("the fact about %s is forgotten", path)
		}
	}
	for _, c := range h.replicas {
		referred[digest(recipeName(c))] = true
		wantRecipe(t, m, recipeName(c), recipeOf(t, recipeName(c)))
	}
	view(t, m, func(tx *Tx) error {
		err := tx.Replicas("lab", "", func(r Replica) (bool, error) {
			if at, gone := h.deleted[r.Key]; gone {
				if !at.After(oldest) && max(r.Written, r.Seen) <= At(oldest) {
					t.Errorf("that %s was deleted is known", r.Key)
				}
				for c := range 31 {
					if recipeOf(t, recipeName(fmt.Sprint(c))).Digest == r.Recipe {
						referred[digest(recipeName(fmt.Sprint(c)))] = true
					}
				}
			}
			return true, nil
		})
		return err
	})
	if trimmedAll(t, m) {
		view(t, m, func(tx *Tx) error {
			return recipeLocations.scan(tx, nil, nil, func(k []byte, _ recipeLocation) (bool, error) {
				for c := range 31 {
					name := recipeName(fmt.Sprint(c))
					if recipeOf(t, name).Digest == chunker.Digest(k) && !referred[digest(name)] {
						t.Errorf("the recipe of %s is there, and nothing refers to it", name)
					}
				}
				return true, nil
			})
		})
	}
}

// trimmedAll has recipes be looked for that nothing refers to, which is not done where no snapshot went.
func trimmedAll(t rapid.TB, m *Manifest) bool {
	update(t, m, func(tx *Tx) error { return leave(tx, func(s *trimming) { s.Recipes = true }) })
	out, err := m.Trim(context.Background(), TrimOptions{Keep: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return !out.Later
}

// adjust takes what was forgotten out of the model.
func (h *history) adjust(t *rapid.T) {
	view(t, h.m, func(tx *Tx) error {
		for id := range h.snapshots {
			if _, ok, err := tx.Snapshot(id); err != nil {
				return err
			} else if !ok {
				delete(h.snapshots, id)
				delete(h.unneeded, id)
			}
		}
		for path := range h.facts {
			if _, ok, err := tx.Fact("c4", path); err != nil {
				return err
			} else if !ok {
				delete(h.facts, path)
				delete(h.learned, path)
			}
		}
		return nil
	})
}

// Whatever a history was, and whenever a trim is ended: what something needs is there and whole, what a destination has is somebody's as before, and what
// nothing needs any more is gone.
func TestTrimForgetsWhatNothingNeeds(t *testing.T) {
	dir := memoryDir(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		state := filepath.Join(dir, fmt.Sprint(n), "state")
		defer os.RemoveAll(filepath.Dir(state))
		h := newHistory(t, state)
		h.m.recipes.maxBytes = 1 << 20
		defer func() { _ = h.m.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"index":  h.index,
			"bring":  h.bring,
			"remove": h.remove,
			"name":   h.name,
			"spend":  h.spend,
			"trim":   h.trim,
			"wait": func(t *rapid.T) {
				h.now = h.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "minutes")) * time.Minute)
			},
		})
	})
}
