package manifest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/datagravity/datagravity/internal/proof"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// imagesPerCommit are made of one commit's images before and after it.
const imagesPerCommit = 40

// commitImages are a file before and after one transaction.
type commitImages struct {
	commit        uint64
	before, after []byte
	says          [2]chunker.Digest // before and after
}

// record makes the commit of a number.
func (c *commitImages) record(t *testing.T, commit uint64) {
	t.Helper()
	if c.before != nil && c.commit == commit {
		return
	}
	dir := memoryDir(t)
	rnd := rand.New(rand.NewPCG(commit, 0x70c4))
	m := seeded(t, dir, rnd)
	closeIt(t, m)
	m = open(t, dir, Options{})
	read := func() []byte {
		b, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	image := func(b []byte) chunker.Digest {
		at := filepath.Join(dir, "image")
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "manifest.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return digestOf(saysOf(records(t, at)))
	}
	c.commit, c.before = commit, read()
	for c.after = c.before; bytes.Equal(c.after, c.before); c.after = read() {
		churn(t, m, rnd)
	}
	closeIt(t, m)
	c.says = [2]chunker.Digest{image(c.before), image(c.after)}
}

const (
	tornPage   = 4096
	tornSector = 512 // of which a disk that loses power writes all or nothing
)

// mix is a state that a disk may have when it loses power during the commit: bbolt writes data pages, syncs, writes one meta page, and syncs again. So there is any part of
// the data with the old meta pages, or all of it with the new meta page in part.
func (c *commitImages) mix(rnd *rand.Rand) (b []byte, what string) {
	metas := 2 * tornPage
	if rnd.IntN(3) == 0 {
		b = append([]byte(nil), c.after...)
		what = "all data"
		for at := 0; at < metas; at += tornPage {
			old, fresh := c.before[at:at+tornPage], c.after[at:at+tornPage]
			if bytes.Equal(old, fresh) {
				continue
			}
			used := pageHeaderBytes + metaBytes
			cut := rnd.IntN(used + 1)
			switch rnd.IntN(4) {
			case 0: // none of it
				copy(b[at:], old)
				what += ", old meta"
			case 1:
				what += ", new meta"
			case 2: // its beginning
				copy(b[at+cut:at+tornPage], old[cut:])
				what += fmt.Sprintf(", %d bytes of meta page %d", cut, at/tornPage)
			default: // its end
				copy(b[at:], old[:cut])
				what += fmt.Sprintf(", meta page %d from byte %d on", at/tornPage, cut)
			}
		}
		return b, what
	}
	unit, share := tornPage, 1+rnd.IntN(9)
	if rnd.IntN(2) == 0 {
		unit = tornSector
	}
	b = append([]byte(nil), c.before...)
	if len(c.after) > len(b) && rnd.IntN(4) > 0 { // it grows first
		b = append(b, make([]byte, len(c.after)-len(b))...)
	}
	written := 0
	for at := metas; at < min(len(b), len(c.after)); at += unit {
		if fresh := c.after[at : at+unit]; !bytes.Equal(b[at:at+unit], fresh) && rnd.IntN(10) < share {
			copy(b[at:], fresh)
			written++
		}
	}
	return b, fmt.Sprintf("old meta, %d times %d bytes of data", written, unit)
}

// meantBy is the transaction that an image's meta pages are of: the new one if they have it whole.
func (c *commitImages) meantBy(b []byte) int {
	for at := 0; at < 2*tornPage; at += tornPage {
		used := at + pageHeaderBytes + metaBytes
		if !bytes.Equal(c.before[at:used], c.after[at:used]) && bytes.Equal(b[at+pageHeaderBytes:used], c.after[at+pageHeaderBytes:used]) {
			return 1
		}
	}
	return 0
}

// The power fails during a commit. Whatever of it is on the disk, the manifest opens, says what it said before or what it says after, all of it and nothing else, is sound, and
// goes on.
func TestTornCommits(t *testing.T) {
	dir := memoryDir(t)
	e := newExaminer(t)
	var c commitImages
	seenAs := [2]int{}
	proof.Run(t, "torn", 520, func(t *testing.T, seed uint64) {
		c.record(t, seed/imagesPerCommit)
		b, what := c.mix(rand.New(rand.NewPCG(seed, 0x317)))
		defer func() { keepFailed(t, map[string][]byte{"before": c.before, "after": c.after, "manifest.db": b}) }()
		if err := os.WriteFile(filepath.Join(dir, "manifest.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		seen := e.examine(t, order{Dir: dir, Later: seed%2 == 1})
		meant := c.meantBy(b)
		seenAs[meant]++
		if seen.Refused != "" || seen.Write != "" {
			t.Fatalf("%s: open: %s; write: %s", what, seen.Refused, seen.Write)
		}
		if seen.Says != c.says[meant] {
			t.Errorf("%s: it does not say what it said %s the commit", what, [2]string{"before", "after"}[meant])
		}
		for _, f := range append(seen.Before, seen.After...) {
			if f.Kind == Damage {
				t.Errorf("%s: %+v", what, f)
			}
		}
	})
	t.Logf("%d images are those before their commits, %d those after", seenAs[0], seenAs[1])
}
