package manifest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// manyLeaves makes a manifest some of whose buckets have leaves enough for them to be left for later, and a list of free pages. It returns the file, and
// where in it the leaves of the replicas and the free pages begin.
func manyLeaves(t *testing.T) (file []byte, leaves, free []int) {
	t.Helper()
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error {
		var all []error
		for i := range 3000 {
			name := fmt.Sprintf("shard-%05d", i)
			all = append(all, tx.PutReplica(Replica{Store: "lab", Key: name, Shard: digest(name), Size: int64(i), ETag: strings.Repeat("e", 30)}),
				tx.PutFact("c4", Fact{Path: name, Size: int64(i)}))
		}
		return errors.Join(append(all, tx.PutNeed(Need{ID: "need"}), putSnapshot(tx, digest("snapshot"), "c4", shards(100, "x")))...)
	})
	for i := range 20 {
		name := fmt.Sprintf("shard-%05d", i*140)
		update(t, m, func(tx *Tx) error {
			return errors.Join(tx.PutFact("c4", Fact{Path: name, Size: 1}), tx.PutReplica(Replica{Store: "lab", Key: name, Shard: digest(name), ETag: "1"}))
		})
	}
	closeIt(t, m)
	file, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil {
		t.Fatal(err)
	}
	raw(t, dir, func(tx *bolt.Tx) error {
		for i := 2; ; i++ {
			p, err := tx.Page(i)
			if err != nil || p == nil {
				return err
			}
			switch at := i * 4096; {
			case p.Type == "free":
				free = append(free, at)
			case p.Type == "leaf" && strings.HasPrefix(string(file[at+16+int(native.Uint32(file[at+20:])):]), "lab\x00shard-"):
				leaves = append(leaves, at)
			}
		}
	})
	if len(leaves) < 2*fewPages || len(free) < 3 {
		t.Fatalf("%d leaves of replicas, %d free pages", len(leaves), len(free))
	}
	return file, leaves, free
}

// putFile makes a state directory of a manifest's bytes.
func putFile(t *testing.T, b []byte) (dir string) {
	t.Helper()
	dir = filepath.Join(memoryDir(t), "state")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "manifest.db"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whoever leaves the leaves for later opens a manifest with a damaged one, and uses the other buckets; of the one that is damaged nothing is read, and nothing
// is written to it.
func TestDamagedLeafIsRefusedBeforeItIsUsed(t *testing.T) {
	sound, leaves, _ := manyLeaves(t)
	leaf := leaves[len(leaves)/2]
	for name, damage := range map[string]func(b []byte){
		"another's id":         func(b []byte) { native.PutUint64(b[leaf:], 5) },
		"says it is a branch":  func(b []byte) { native.PutUint16(b[leaf+8:], branchPage) },
		"too many elements":    func(b []byte) { native.PutUint16(b[leaf+10:], 0xffff) },
		"overflows the next":   func(b []byte) { native.PutUint32(b[leaf+12:], 1) },
		"overflows the file":   func(b []byte) { native.PutUint32(b[leaf+12:], 0xffffffff) },
		"zeroed":               func(b []byte) { clear(b[leaf : leaf+4096]) },
		"a copy of another":    func(b []byte) { copy(b[leaf:leaf+4096], b[leaves[3]:]) },
		"neither of the kinds": func(b []byte) { native.PutUint16(b[leaf+8:], 0x40) },
	} {
		t.Run(name, func(t *testing.T) {
			b := slices.Clone(sound)
			damage(b)
			dir := putFile(t, b)
			_, whole := OpenDir(dir, Options{})
			wantError(t, whole, ErrCorrupt, "datagravity manifest rebuild")
			m := open(t, dir, Options{LeavesLater: true})
			if m.unread.buckets["replicas"] == nil || m.unread.buckets["needs"] != nil {
				t.Fatalf("left for later: %v", m.unread.buckets)
			}
			update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "another"}) })
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					err := m.View(func(tx *Tx) error { _, _, err := tx.Replica("lab", "shard-00000"); return err })
					if !errors.Is(err, ErrCorrupt) || err.Error() != whole.Error() {
						t.Errorf("reading fails with\n%v\nopening with\n%v", err, whole)
					}
				})
			}
			group.Wait()
			written := m.Update(func(tx *Tx) error { return tx.PutReplica(Replica{Store: "lab", Key: "new", Shard: digest("new")}) })
			wantError(t, written, ErrCorrupt, whole.Error())
			wantError(t, m.Update(func(tx *Tx) error { // who goes on after the error has nothing written
				_ = tx.PutReplica(Replica{Store: "lab", Key: "new", Shard: digest("new")})
				return tx.PutNeed(Need{ID: "third"})
			}), ErrCorrupt)
			view(t, m, func(tx *Tx) error {
				if _, ok, err := tx.Need("another"); !ok || err != nil {
					t.Errorf("a need is there: %t, %v", ok, err)
				}
				if _, ok, err := tx.Need("third"); ok || err != nil {
					t.Errorf("a need of a transaction that failed is there: %t, %v", ok, err)
				}
				return nil
			})
		})
	}
}

// A page that counts as free is overwritten by the next one who writes, whatever it writes to: that one is refused at once.
func TestLeafThatReachesIntoAFreePage(t *testing.T) {
	sound, leaves, free := manyLeaves(t)
	tried := 0
	for _, leaf := range leaves {
		if !slices.Contains(free, leaf+4096) {
			continue
		}
		tried++
		b := slices.Clone(sound)
		native.PutUint32(b[leaf+12:], 1)
		for _, later := range []bool{false, true} {
			_, err := OpenDir(putFile(t, b), Options{LeavesLater: later})
			wantError(t, err, ErrCorrupt, "counts as free and is in use")
		}
	}
	if tried == 0 {
		t.Errorf("no leaf stands before a free page; leaves %d, free %d", leaves, free)
	}
	// The other way round: the free list has a leaf's page.
	c := pageChecker{file: bytesAt(sound)}
	_, page, err := c.meta()
	if err != nil {
		t.Fatal(err)
	}
	list := int(page) * 4096
	for _, leaf := range []int{leaves[0], leaves[len(leaves)/2]} {
		b := slices.Clone(sound)
		native.PutUint64(b[list+16:], uint64(leaf/4096))
		native.PutUint16(b[list+10:], max(1, native.Uint16(b[list+10:])))
		_, err := OpenDir(putFile(t, b), Options{LeavesLater: true})
		wantError(t, err, ErrCorrupt, "counts as free and is in use")
	}
}

// What is found of random damage, at once or later, is the same.
func TestLaterFindsWhatOpeningFinds(t *testing.T) {
	sound, _, _ := manyLeaves(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	c := pageChecker{file: bytesAt(sound)}
	if _, _, err := c.meta(); err != nil {
		t.Fatal(err)
	}
	found, late := 0, 0
	for range 400 {
		b := slices.Clone(sound)
		page := b[(2+rnd.IntN(int(c.pages)-2))*4096:][:4096]
		var what string
		switch rnd.IntN(4) {
		case 0:
			page[8+rnd.IntN(8)] ^= 1 << rnd.IntN(8)
			what = "flags, count or overflow"
		case 1:
			page[rnd.IntN(16)] ^= 1 << rnd.IntN(8)
			what = "header"
		case 2:
			page[16+rnd.IntN(64)] ^= 1 << rnd.IntN(8)
			what = "element"
		case 3:
			copy(page, b[(2+rnd.IntN(int(c.pages)-2))*4096:][:4096])
			what = "copied"
		}
		file := filepath.Join(putFile(t, b), "manifest.db")
		check := func(later bool) (at, after error) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			rest, err := checkPages(f, later)
			if err != nil {
				return err, nil
			}
			return nil, rest.readAll()
		}
		whole, none := check(false)
		at, after := check(true)
		if none != nil || (whole == nil) != (errors.Join(at, after) == nil) || whole != nil && !errors.Is(errors.Join(at, after), ErrCorrupt) {
			t.Errorf("%s: opening finds %v; later %v, then %v", what, whole, at, after)
		}
		if whole != nil {
			found++
		}
		if after != nil {
			late++
		}
	}
	if found < 50 || late < 20 {
		t.Errorf("%d times something was found, %d times late", found, late)
	}
	t.Logf("%d times something was found, %d times late", found, late)
}
