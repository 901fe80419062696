package manifest

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

func shards(n int, name string) (list []Shard) {
	for i := range n {
		list = append(list, Shard{Path: fmt.Sprintf("%s-%06d", name, i), Size: int64(i), Digest: digest(fmt.Sprint(name, i)), ETag: "e"})
	}
	return list
}

func putSnapshot(tx *Tx, id chunker.Digest, dataset string, list []Shard) error {
	w := tx.NewSnapshot(id, dataset, At(noon))
	for _, s := range list {
		if err := w.Add(s); err != nil {
			return err
		}
	}
	_, err := w.Close()
	return err
}

func TestSnapshots(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	sizes := []int{0, 1, shardsPerPage - 1, shardsPerPage, shardsPerPage + 1, 3*shardsPerPage + 7}
	update(t, m, func(tx *Tx) error {
		for _, n := range sizes {
			if err := putSnapshot(tx, digest(fmt.Sprint("s", n)), "c4", shards(n, "x")); err != nil {
				return err
			}
		}
		return putSnapshot(tx, digest("other"), "other", shards(1, "y"))
	})
	view(t, m, func(tx *Tx) error {
		for _, n := range sizes {
			id := digest(fmt.Sprint("s", n))
			h, ok, err := tx.Snapshot(id)
			want := SnapshotHeader{ID: id, Dataset: "c4", Taken: At(noon), Shards: n, Bytes: int64(n) * int64(n-1) / 2}
			if err != nil || !ok || h != want {
				t.Errorf("%+v %v %v, want %+v", h, ok, err, want)
			}
			var got []Shard
			if err := tx.SnapshotShards(id, func(s Shard) (bool, error) { got = append(got, s); return true, nil }); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(shards(n, "x"), got); diff != "" {
				t.Errorf("%d shards: %s", n, diff)
			}
		}
		seen := 0
		stop := errors.New("stop")
		id := digest(fmt.Sprint("s", 3*shardsPerPage+7))
		if err := tx.SnapshotShards(id, func(Shard) (bool, error) { seen++; return seen < 3, nil }); err != nil || seen != 3 {
			t.Errorf("stopped after %d, %v", seen, err)
		}
		if err := tx.SnapshotShards(id, func(Shard) (bool, error) { return true, stop }); !errors.Is(err, stop) {
			t.Errorf("%v", err)
		}
		wantError(t, tx.SnapshotShards(digest("none"), func(Shard) (bool, error) { return true, nil }), ErrNoSnapshot)
		for dataset, want := range map[string]int{"c4": len(sizes), "other": 1, "": len(sizes) + 1, "none": 0} {
			n := 0
			if err := tx.Snapshots(dataset, func(SnapshotHeader) error { n++; return nil }); err != nil || n != want {
				t.Errorf("%q has %d snapshots, want %d (%v)", dataset, n, want, err)
			}
		}
		return nil
	})
}

func TestSnapshotOrder(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	for _, paths := range [][]string{{"b", "a"}, {"a", "a"}, {"a", "b", "a\x00"}, {"", ""}} {
		var list []Shard
		for _, p := range paths {
			list = append(list, Shard{Path: p})
		}
		err := m.Update(func(tx *Tx) error { return putSnapshot(tx, digest("s"), "c4", list) })
		if err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("%q: %v", paths, err)
		}
	}
	view(t, m, func(tx *Tx) error {
		if _, ok, err := tx.Snapshot(digest("s")); ok || err != nil {
			t.Errorf("%v %v: a snapshot that failed is there", ok, err)
		}
		return nil
	})
}

func TestSnapshotPagesMissing(t *testing.T) {
	for name, damage := range map[string]func(tx *Tx, id chunker.Digest) error{
		"first gone":  func(tx *Tx, id chunker.Digest) error { return snapshotPages.delete(tx, pageKey(id, 0)) },
		"middle gone": func(tx *Tx, id chunker.Digest) error { return snapshotPages.delete(tx, pageKey(id, 1)) },
		"last gone":   func(tx *Tx, id chunker.Digest) error { return snapshotPages.delete(tx, pageKey(id, 2)) },
		"one more":    func(tx *Tx, id chunker.Digest) error { return snapshotPages.put(tx, pageKey(id, 3), shards(1, "z")) },
	} {
		t.Run(name, func(t *testing.T) {
			m := open(t, t.TempDir(), Options{})
			id := digest("s")
			update(t, m, func(tx *Tx) error {
				return errors.Join(putSnapshot(tx, id, "c4", shards(2*shardsPerPage+1, "x")), damage(tx, id))
			})
			err := m.View(func(tx *Tx) error {
				return tx.SnapshotShards(id, func(Shard) (bool, error) { return true, nil })
			})
			wantError(t, err, ErrCorrupt, id.Hex()[:12])
		})
	}
}

func TestFindSnapshot(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	one, two, other := chunker.Digest{0xab, 0xcd, 1}, chunker.Digest{0xab, 0xcd, 2}, chunker.Digest{0xab, 0xee}
	update(t, m, func(tx *Tx) error {
		return errors.Join(putSnapshot(tx, one, "c4", nil), putSnapshot(tx, two, "c4", nil), putSnapshot(tx, other, "pile", nil))
	})
	view(t, m, func(tx *Tx) error {
		for prefix, want := range map[string]chunker.Digest{
			"abcd01": one, "ABCD02": two, "blake3:abcd01": one, two.Hex(): two, two.String(): two,
		} {
			if h, err := tx.FindSnapshot("c4", prefix); err != nil || h.ID != want {
				t.Errorf("%q: %v %v", prefix, h.ID, err)
			}
		}
		if h, err := tx.FindSnapshot("pile", ""); err != nil || h.ID != other {
			t.Errorf("the only one of pile: %v, %v", h.ID, err)
		}
		_, err := tx.FindSnapshot("c4", "abee")
		wantError(t, err, ErrNoSnapshot, `"abee" of dataset c4`, "snapshot list c4")
		if _, err := tx.FindSnapshot("c4", "abcd"); err == nil || !strings.Contains(err.Error(), one.Hex()[:12]+", "+two.Hex()[:12]) {
			t.Errorf("two candidates: %v", err)
		}
		return nil
	})
}

func TestDatasetsAndFacts(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	f := Fact{Path: "a/b", Size: 7, ETag: "e", Version: "v", Stored: store.Checksums{CRC32C: store.Hex32(9)}, Shard: digest("s"),
		Recipe: digest("r"), CRC64NVME: 1 << 63, CRC32C: 1 << 31, Indexed: At(noon)}
	d := Dataset{Name: "c4", Store: "training", Prefix: "c4/", Latest: digest("l"), Listed: At(noon), Stable: 1, Fingerprint: digest("f")}
	update(t, m, func(tx *Tx) error {
		// The facts of a dataset whose name begins like another's are its own.
		return errors.Join(tx.PutDataset(d), tx.PutFact("c4", f), tx.PutFact("c4", Fact{Path: "a"}), tx.PutFact("c4-old", f),
			tx.PutFact("c4", Fact{Path: "b"}), tx.DeleteFact("c4", "b"), tx.DeleteFact("c4", "never"))
	})
	paths := func(tx *Tx, dataset string) (list []string) {
		if err := tx.Facts(dataset, func(f Fact) (bool, error) { list = append(list, f.Path); return true, nil }); err != nil {
			t.Error(err)
		}
		return list
	}
	view(t, m, func(tx *Tx) error {
		got, ok, err := tx.Fact("c4", "a/b")
		if diff := cmp.Diff(f, got); diff != "" || !ok || err != nil {
			t.Errorf("%s %v %v", diff, ok, err)
		}
		if got.Checksums() != (store.Checksums{CRC64NVME: store.Hex64(1 << 63), CRC32C: store.Hex32(1 << 31)}) {
			t.Errorf("%+v", got.Checksums())
		}
		gotD, ok, err := tx.Dataset("c4")
		if gotD != d || !ok || err != nil {
			t.Errorf("%+v %v %v", gotD, ok, err)
		}
		if p := paths(tx, "c4"); fmt.Sprint(p) != "[a a/b]" {
			t.Errorf("%v", p)
		}
		return nil
	})
	update(t, m, func(tx *Tx) error { return tx.ForgetDataset("c4") })
	view(t, m, func(tx *Tx) error {
		if _, ok, err := tx.Dataset("c4"); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		if p := append(paths(tx, "c4"), paths(tx, "c4-old")...); fmt.Sprint(p) != "[a/b]" {
			t.Errorf("%v", p)
		}
		return nil
	})
}

func TestTransfersPartsNeeds(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	params := chunker.DefaultParams()
	tr := Transfer{ID: "ab", Path: "p", Size: 1 << 40, Upload: &store.Upload{ID: "u", Key: "k"}, Params: &params, Updated: At(noon)}
	update(t, m, func(tx *Tx) error {
		err := errors.Join(tx.PutTransfer(tr), tx.PutTransfer(Transfer{ID: "abc"}), tx.PutNeed(Need{ID: "n", Globs: []string{"*"}}))
		for _, n := range []int{300, 2, 1, 70000, 256} { // numbers sort as numbers
			err = errors.Join(err, tx.PutPart("ab", Part{Number: n, CV: []byte{1}}))
		}
		return errors.Join(err, tx.PutPart("abc", Part{Number: 5}), tx.DeletePart("ab", 2), tx.DeletePart("ab", 3))
	})
	numbers := func(tx *Tx, id string) (list []int) {
		parts, err := tx.Parts(id)
		if err != nil {
			t.Error(err)
		}
		for _, p := range parts {
			list = append(list, p.Number)
		}
		return list
	}
	view(t, m, func(tx *Tx) error {
		got, ok, err := tx.Transfer("ab")
		if diff := cmp.Diff(tr, got); diff != "" || !ok || err != nil {
			t.Errorf("%s %v %v", diff, ok, err)
		}
		if n := numbers(tx, "ab"); fmt.Sprint(n) != "[1 256 300 70000]" {
			t.Errorf("%v", n)
		}
		n, ok, err := tx.Need("n")
		if !ok || err != nil || fmt.Sprint(n.Globs) != "[*]" {
			t.Errorf("%+v %v %v", n, ok, err)
		}
		return nil
	})
	update(t, m, func(tx *Tx) error {
		return errors.Join(tx.DeleteTransfer("ab"), tx.DeleteTransfer("none"), tx.DeleteNeed("n"))
	})
	view(t, m, func(tx *Tx) error {
		var ids []string
		err := tx.Transfers(func(t Transfer) (bool, error) { ids = append(ids, t.ID); return true, nil })
		if fmt.Sprint(ids, numbers(tx, "ab"), numbers(tx, "abc")) != "[abc] [] [5]" {
			t.Errorf("%v %v %v", ids, numbers(tx, "ab"), numbers(tx, "abc"))
		}
		return errors.Join(err, tx.Needs(func(n Need) (bool, error) { return false, fmt.Errorf("need %s is still there", n.ID) }))
	})
}

// Replicas and the index by digest, against a map, in transactions that sometimes fail.
func TestReplicasModel(t *testing.T) {
	stores := []string{"a", "a-b", "b"}
	keys := []string{"k", "k/1", "k/2", "k2", "other"}
	rapid.Check(t, func(rt *rapid.T) {
		m := open(t, memoryDir(t), Options{})
		defer closeIt(rt, m)
		model := map[[2]string]Replica{}
		draw := func(rt *rapid.T) Replica {
			return Replica{
				Store: rapid.SampledFrom(stores).Draw(rt, "store"), Key: rapid.SampledFrom(keys).Draw(rt, "key"),
				Shard: digest(rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "shard")), Size: int64(rapid.IntRange(1, 3).Draw(rt, "size")),
				Missing: rapid.SampledFrom([]string{"", "", "deleted"}).Draw(rt, "missing"), Seen: Millis(rapid.IntRange(1, 9).Draw(rt, "seen")),
			}
		}
		undo := errors.New("undo")
		write := func(f func(tx *Tx) error, then func()) {
			fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
			err := m.Update(func(tx *Tx) error {
				if err := f(tx); err != nil || !fails {
					return err
				}
				return undo
			})
			switch {
			case fails && errors.Is(err, undo):
			case err != nil:
				rt.Fatal(err)
			default:
				then()
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				r := draw(rt)
				write(func(tx *Tx) error { return tx.PutReplica(r) }, func() { model[[2]string{r.Store, r.Key}] = r })
			},
			"touch": func(rt *rapid.T) {
				r := draw(rt)
				write(func(tx *Tx) error { return tx.TouchReplica(r) }, func() { model[[2]string{r.Store, r.Key}] = r })
			},
			"delete": func(rt *rapid.T) {
				r := draw(rt)
				write(func(tx *Tx) error { return tx.DeleteReplica(r.Store, r.Key) }, func() { delete(model, [2]string{r.Store, r.Key}) })
			},
			"": func(rt *rapid.T) {
				view(rt, m, func(tx *Tx) error { checkReplicas(rt, tx, model, stores, keys); return nil })
			},
		})
	})
}

func checkReplicas(t *rapid.T, tx *Tx, model map[[2]string]Replica, stores, keys []string) {
	for _, s := range stores {
		var want []string
		for _, k := range keys {
			r, ok, err := tx.Replica(s, k)
			if w, there := model[[2]string{s, k}]; err != nil || ok != there || r != w {
				t.Fatalf("%s/%s is %+v %v %v, want %+v", s, k, r, ok, err, w)
			} else if there {
				want = append(want, k)
			}
		}
		sort.Strings(want)
		for _, prefix := range []string{"", "k", "k/", "none"} {
			var got, wanted []string
			if err := tx.Replicas(s, prefix, func(r Replica) (bool, error) { got = append(got, r.Key); return true, nil }); err != nil {
				t.Fatal(err)
			}
			for _, k := range want {
				if strings.HasPrefix(k, prefix) {
					wanted = append(wanted, k)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(wanted) {
				t.Fatalf("%s has %v under %q, want %v", s, got, prefix, wanted)
			}
			checkHolding(t, tx, model, s, prefix, keys)
		}
		for _, d := range []chunker.Digest{digest("x"), digest("y"), digest("never")} {
			var wanted []string
			for _, k := range want {
				if r := model[[2]string{s, k}]; r.Present() && r.Shard == d {
					wanted = append(wanted, k)
				}
			}
			for _, most := range []int{0, 1, 100} {
				list, err := tx.Holders(s, d, most)
				var got []string
				for _, r := range list {
					got = append(got, r.Key)
				}
				if err != nil || fmt.Sprint(got) != fmt.Sprint(wanted[:min(most, len(wanted))]) {
					t.Fatalf("%s: %v hold it (at most %d), want %v (%v)", s, got, most, wanted, err)
				}
			}
		}
		sizes := map[int64]bool{1: true, 2: true, 9: true}
		held, err := tx.HoldsSize(s, sizes, func(r Replica) bool { return r.Key == "k" })
		for size := range sizes {
			wanted := false
			for _, k := range want {
				r := model[[2]string{s, k}]
				wanted = wanted || r.Present() && r.Size == size && k != "k"
			}
			if err != nil || held[size] != wanted {
				t.Fatalf("%s holds size %d: %v, want %v (%v)", s, size, held[size], wanted, err)
			}
		}
	}
}

// checkHolding asks of all keys under a prefix, those that are not there too, and of every other and every third one.
func checkHolding(t *rapid.T, tx *Tx, model map[[2]string]Replica, storeName, prefix string, keys []string) {
	sorted := slices.DeleteFunc(slices.Sorted(slices.Values(keys)), func(k string) bool { return !strings.HasPrefix(k, prefix) })
	for _, d := range []chunker.Digest{digest("x"), digest("never")} {
		for step := 1; step <= 3; step++ {
			err := tx.Holding(storeName, prefix, func(holds func(string, chunker.Digest) bool) error {
				for i := step - 1; i < len(sorted); i += step {
					r, there := model[[2]string{storeName, sorted[i]}]
					if want := there && r.Present() && r.Shard == d; holds(sorted[i], d) != want {
						t.Fatalf("%s/%s holds %s: %v, want %v", storeName, sorted[i], d, !want, want)
					}
				}
				return errStopped
			})
			if !errors.Is(err, errStopped) {
				t.Fatalf("error %v, want that of the walk", err)
			}
		}
	}
}

var errStopped = errors.New("stopped")
