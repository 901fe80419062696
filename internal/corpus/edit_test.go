package corpus

import (
	"bytes"
	"testing"
)

// count is how many units of c a version still has.
func count(c *Corpus, data []byte) (kept int) {
	for _, u := range c.units {
		if bytes.Contains(data, u) {
			kept++
		}
	}
	return kept
}

// Some tens of units each, because every one is searched for.
var sizes = map[string]int64{"Tar": 8 << 20, "WebDataset": 8 << 20, "SmallTar": 2 << 20, "TinyTar": 1 << 20, "Text": 256 << 10, "Tokens": 256 << 10}

func TestUnitEdits(t *testing.T) {
	for name, kind := range kinds {
		c := kind(1, sizes[name])
		old, n, size := c.Bytes(), c.Units(), sizeOf(c.units)
		for _, e := range []struct {
			edit      string
			run       func(seed uint64) ([]byte, int64)
			kept      [2]int // least and most units that are still there
			sizeKnown bool   // the version is the old one and the ideal
		}{
			{"replace", func(s uint64) ([]byte, int64) { return c.Replace(s, 0.1) }, [2]int{n - part(n, 0.1), n - part(n, 0.1)}, false},
			{"insert and remove", func(s uint64) ([]byte, int64) { return c.InsertRemove(s, 0.1, 0.05) }, [2]int{n - part(n, 0.05), n - part(n, 0.05)}, false},
			{"touch", func(s uint64) ([]byte, int64) { return c.Touch(s, 0.1, 0.1) }, [2]int{n - part(n, 0.1), n}, false},
			{"append", func(s uint64) ([]byte, int64) { return c.Append(s, 0.2) }, [2]int{n, n}, true},
			{"tiny units", func(s uint64) ([]byte, int64) { return c.TinyUnits(s, 10) }, [2]int{n - 10, n - 1}, false},
		} {
			data, ideal := e.run(5)
			if again, _ := e.run(5); !bytes.Equal(data, again) {
				t.Errorf("%s, %s: twice the same edit gives two versions", name, e.edit)
			}
			if other, _ := e.run(6); bytes.Equal(data, other) {
				t.Errorf("%s, %s: the seed changes nothing", name, e.edit)
			}
			if !bytes.Equal(c.Bytes(), old) {
				t.Fatalf("%s, %s: the corpus itself was edited", name, e.edit)
			}
			if kept := count(c, data); kept < e.kept[0] || kept > e.kept[1] {
				t.Errorf("%s, %s: %d of %d units are still there, want %v", name, e.edit, kept, n, e.kept)
			}
			if ideal <= 0 || ideal > size/4 {
				t.Errorf("%s, %s: %d new bytes of %d", name, e.edit, ideal, size)
			}
			if e.sizeKnown && int64(len(data)) != int64(len(old))+ideal {
				t.Errorf("%s, %s: %d bytes are not %d and %d new ones", name, e.edit, len(data), len(old), ideal)
			}
		}
	}
}

func TestEditsLeaveATar(t *testing.T) {
	c := Tar(1, 8<<20)
	contents := map[string]bool{}
	_, list := readTar(t, c.Bytes())
	for _, content := range list {
		contents[string(content)] = true
	}
	for name, data := range map[string]func() ([]byte, int64){
		"replace":           func() ([]byte, int64) { return c.Replace(1, 0.1) },
		"insert and remove": func() ([]byte, int64) { return c.InsertRemove(1, 0.1, 0.1) },
		"append":            func() ([]byte, int64) { return c.Append(1, 0.2) },
	} {
		version, ideal := data()
		fresh := int64(0)
		for _, content := range func() [][]byte { _, l := readTar(t, version); return l }() {
			if !contents[string(content)] {
				fresh += 512 + (int64(len(content))+511)/512*512
			}
		}
		if fresh != ideal {
			t.Errorf("%s: a reader finds %d new bytes, the ideal is %d", name, fresh, ideal)
		}
	}
}

func TestAppendStaysWithinItsShare(t *testing.T) {
	c := Tar(1, 16<<20)
	if _, ideal := c.Append(1, 0.05); float64(ideal) > 0.05*float64(sizeOf(c.units)) || ideal < 16<<20/20-201<<10 {
		t.Errorf("%d new bytes on 16 MiB", ideal)
	}
}

func TestTiny(t *testing.T) {
	for name, kind := range kinds {
		c := kind(1, 2<<20)
		old := c.Bytes()
		data, ideal := c.Tiny(1, 20)
		if again, _ := c.Tiny(1, 20); !bytes.Equal(data, again) {
			t.Errorf("%s: twice the same edit gives two versions", name)
		}
		if ideal < 20 || ideal > 20*4*11 {
			t.Errorf("%s: %d bytes written at 20 places", name, ideal)
		}
		grown := int64(len(data) - len(old))
		if grown <= 0 || grown > ideal {
			t.Errorf("%s: %d bytes longer with %d written: want some inserted", name, grown, ideal)
		}
		if grown%c.kind.grain() != 0 || ideal%c.kind.grain() != 0 {
			t.Errorf("%s: %d bytes longer with %d written: not whole atoms", name, grown, ideal)
		}
		// Nothing but the written bytes is new: what lies between two places is found in the old version, in order.
		same, at := int64(0), 0
		const probe = 64
		for i := 0; i+probe <= len(data); i += probe {
			if j := bytes.Index(old[at:min(at+5*probe, len(old))], data[i:i+probe]); j >= 0 {
				same, at = same+probe, at+j+probe
			}
		}
		if least := int64(len(data)) - 20*6*probe; same < least {
			t.Errorf("%s: only %d of %d bytes are still there, want %d", name, same, len(data), least)
		}
	}
}

func TestShuffle(t *testing.T) {
	shards := []*Corpus{Tar(1, 2<<20), Tar(2, 2<<20), Tar(3, 2<<20), Tar(4, 2<<20)}
	before, moved := map[string]int{}, 0
	for i, c := range shards {
		_, contents := readTar(t, c.Bytes())
		for _, content := range contents {
			before[string(content)] = i
		}
	}
	after := 0
	for i, data := range Shuffle(1, shards) {
		_, contents := readTar(t, data)
		for _, content := range contents {
			home, known := before[string(content)]
			if !known {
				t.Fatal("a member that no shard had")
			}
			if after++; home != i {
				moved++
			}
		}
	}
	if after != len(before) || moved < after/2 {
		t.Errorf("%d members of %d, %d of them in another shard", after, len(before), moved)
	}
}
