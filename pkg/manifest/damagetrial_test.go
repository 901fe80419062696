package manifest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/internal/proof"
)

// trialsPerFile damage the same sound file.
const trialsPerFile = 30

// damageable is a sound file and what it says.
type damageable struct {
	number uint64
	sound  []byte
	pages  int // in use or free
	truth  []record
}

func (d *damageable) make(t *testing.T, number uint64, truth string) {
	t.Helper()
	if d.sound != nil && d.number == number {
		return
	}
	dir := memoryDir(t)
	rnd := rand.New(rand.NewPCG(number, 0xda3a))
	m := seeded(t, dir, rnd)
	// Both meta pages are of a state that says the same: going back by one transaction is no damage.
	for range 2 {
		update(t, m, func(tx *Tx) error { return tx.PutDataset(Dataset{Name: "last", Stable: 7}) })
	}
	closeIt(t, m)
	var err error
	if d.sound, err = os.ReadFile(filepath.Join(dir, "manifest.db")); err != nil {
		t.Fatal(err)
	}
	used := pageChecker{file: bytesAt(d.sound)}
	if _, _, err := used.meta(); err != nil {
		t.Fatal(err)
	}
	d.number, d.pages, d.truth = number, int(used.pages), records(t, dir)
	writeTruth(t, truth, d.truth)
}

// damage does one of the things that disks, memories, controllers and people were seen to do to a file.
func (d *damageable) damage(rnd *rand.Rand) (b []byte, what string) {
	const page, sector = 4096, 512
	b = append([]byte(nil), d.sound...)
	at := func(unit int) int { return rnd.IntN(d.pages*page/unit) * unit }
	switch rnd.IntN(12) {
	case 0, 1, 2:
		n := rnd.IntN(d.pages * page)
		b[n] ^= 1 << rnd.IntN(8)
		return b, fmt.Sprintf("a bit of byte %d flipped", n)
	case 3:
		n := at(page) + rnd.IntN(80)
		b[n] ^= 1 << rnd.IntN(8)
		return b, fmt.Sprintf("a bit of byte %d, in a page's header, flipped", n)
	case 4:
		for range 2 + rnd.IntN(30) {
			b[rnd.IntN(d.pages*page)] ^= 1 << rnd.IntN(8)
		}
		return b, "bits flipped in many places"
	case 5, 6:
		n := at(page)
		clear(b[n:][:page])
		return b, fmt.Sprintf("page %d zeroed", n/page)
	case 7:
		n := at(sector)
		clear(b[n:][:sector])
		return b, fmt.Sprintf("sector %d zeroed", n/sector)
	case 8:
		n := at(sector)
		for i := range sector {
			b[n+i] = byte(rnd.Uint32())
		}
		return b, fmt.Sprintf("sector %d overwritten", n/sector)
	case 9:
		from, to := at(page), at(page)
		copy(b[to:][:page], d.sound[from:])
		return b, fmt.Sprintf("page %d written to where page %d is", from/page, to/page)
	case 10:
		n := rnd.IntN(len(b) + 1)
		return b[:n], fmt.Sprintf("cut at %d of %d", n, len(b))
	default:
		n := at(page)
		what := rnd.Uint32()
		binary.NativeEndian.PutUint32(b[n+8+4*rnd.IntN(2):], what) // what a page is, how much is in it, and how far it reaches
		return b, fmt.Sprintf("page %d says %#x of itself", n/page, what)
	}
}

// mayBeGone tells whether a record may be said not to be there where its page or its key is damaged: it is found again by looking. What decides about money may not.
func mayBeGone(name string) bool {
	bucket, _, _ := strings.Cut(name, "/")
	return !slices.Contains([]string{
		"reservations", "windows", "meters", "spending", "approvals", "doubts", "resets", "pins", "billed", heldGrants.bucket, givenGrants.bucket,
	}, bucket) && name != `meta/"account"`
}

// A file is damaged. It is refused, or what it answers is what was written, or it says what is damaged; where it says that there is nothing, a check finds the damage, and it is
// nothing that decides about money. It ends no process, and says each time what to do.
func TestDamagedFiles(t *testing.T) {
	dir := memoryDir(t)
	truth := filepath.Join(dir, "truth")
	e := newExaminer(t)
	var d damageable
	var refused, told, gone, unharmed int
	proof.Run(t, "damage", 150, func(t *testing.T, seed uint64) {
		d.make(t, seed/trialsPerFile, fmt.Sprint(truth, seed/trialsPerFile))
		b, what := d.damage(rand.New(rand.NewPCG(seed, 0xbad)))
		defer func() { keepFailed(t, map[string][]byte{"sound": d.sound, "manifest.db": b}) }()
		if err := os.WriteFile(filepath.Join(dir, "manifest.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		seen := e.examine(t, order{Dir: dir, Truth: fmt.Sprint(truth, seed/trialsPerFile), Later: seed%2 == 1})
		if seen.Refused != "" {
			refused++
			return
		}
		if len(seen.Wrong) > 0 {
			t.Errorf("%s: silently wrong: %q", what, seen.Wrong)
		}
		found := slices.ContainsFunc(seen.Before, func(f Finding) bool { return f.Kind == Damage })
		if (len(seen.Gone) > 0 || seen.Told > 0) && !found {
			t.Errorf("%s: %d records are damaged and %d gone, and the check says %+v", what, seen.Told, len(seen.Gone), seen.Before)
		}
		for _, name := range seen.Gone {
			if !mayBeGone(name) {
				t.Errorf("%s: %s is gone", what, name)
			}
		}
		if !found && seen.Write != "" {
			t.Errorf("%s: nothing can be written: %s", what, seen.Write)
		}
		if !found && slices.ContainsFunc(seen.After, func(f Finding) bool { return f.Kind == Damage }) {
			t.Errorf("%s: after a write the check says %+v", what, seen.After)
		}
		if sum := seen.Right + seen.Told + len(seen.Gone) + len(seen.Wrong); sum != len(d.truth) {
			t.Fatalf("%d records were asked for, of %d", sum, len(d.truth))
		}
		switch {
		case seen.Told > 0:
			told++
		case len(seen.Gone) > 0:
			gone++
		default:
			unharmed++
		}
	})
	t.Logf("%d refused, %d told on reading, %d with records gone that are found again and a check that finds it, %d unharmed", refused, told, gone, unharmed)
}
