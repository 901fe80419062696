package manifest

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// spend settles something for a shard, in the ledger and in the journal.
func (h *history) spend(t *rapid.T) {
	one := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	job := one("job", "", "train", "eval")
	k := LineKey{
		Month: h.now.Format("2006-01"), Day: h.now.Format(time.DateOnly), Dataset: "c4", Path: one("path", "", "p0", "p1", "p2"), Source: "training", Dest: one("to", "lab", "s3"),
		From: "azure:eastus", To: "onprem:lab1", Need: one("need", "", "n1", "n2"), Activity: "transfer", Job: job, Team: one("team", "", "red"),
	}
	add := Line{
		LineKey: k, First: At(h.now), Last: At(h.now), Bytes: rapid.Int64Range(0, 9).Draw(t, "bytes"), NanoUSD: rapid.Int64Range(0, 9).Draw(t, "cost"), Requests: 1,
		RateID: one("rate", "cheap", "dear"), Book: "2026-11-26", OtherNanoUSD: rapid.Int64Range(0, 2).Draw(t, "other"),
	}
	if rapid.IntRange(0, 3).Draw(t, "whole") == 0 {
		add.Unknown = 1
	}
	var id uint64
	update(t, h.m, func(tx *Tx) error {
		var err error
		id, err = tx.NextReservation()
		return errors.Join(err, tx.addToLine(add))
	})
	err := h.m.Journal().Append(Entry{Kind: "settle", Whole: add.Unknown > 0, Open: Open{ID: id, At: At(h.now), Bytes: add.Bytes, NanoUSD: add.NanoUSD, Line: k, RateID: add.RateID, Book: add.Book}})
	if err != nil {
		t.Fatal(err)
	}
}

// ledgerOf is every line by its key.
func ledgerOf(t rapid.TB, m *Manifest) map[string]Line {
	out := map[string]Line{}
	view(t, m, func(tx *Tx) error {
		return lines.scan(tx, nil, nil, func(k []byte, l Line) (bool, error) {
			if string(l.bytes()) != string(k) {
				t.Errorf("%+v stands under %q", l, k)
			}
			out[string(k)] = l
			return true, nil
		})
	})
	return out
}

// sumsOf are what people ask for of a ledger when details are forgotten: by all but the shard, the job and the need, and apart what was charged whole.
func sumsOf(ledger map[string]Line) map[string]Line {
	out := map[string]Line{}
	for _, l := range ledger {
		l.LineKey.Path, l.LineKey.Job, l.LineKey.Need, l.Sum = "", "", "", 0
		k := fmt.Sprintf("%+v %s %s %v", l.LineKey, l.RateID, l.Book, l.Unknown > 0)
		if have, ok := out[k]; ok {
			l = have.Plus(l)
		}
		out[k] = l
	}
	return out
}

// summed: what a trim left of a ledger. What is young is as it was, what is old does not tell its shard or job, and no sum is another.
func (h *history) summed(t rapid.TB, m *Manifest, o TrimOptions, before map[string]Line) {
	t.Helper()
	after := ledgerOf(t, m)
	if was, is := sumsOf(before), sumsOf(after); !maps.Equal(was, is) {
		t.Errorf("the ledger came to %+v, and comes to %+v", was, is)
	}
	old := func(l Line, keep time.Duration) bool { return keep > 0 && l.Last <= At(h.now.Add(-keep)) }
	count := func(l map[string]Line) (n int64) {
		for _, l := range l {
			n += max(1, l.Sum)
		}
		return n
	}
	if count(before) != count(after) {
		t.Errorf("%d lines were there, and %d are in what is there now", count(before), count(after))
	}
	for k, l := range after {
		if old(l, o.ShardCosts) && l.LineKey.Path != "" || old(l, o.JobCosts) && l.LineKey.Job+l.LineKey.Need != "" {
			t.Errorf("after %+v at %v: %+v", o, h.now, l)
		}
		if l.Sum == 0 && before[k] != l {
			t.Errorf("a line is %+v, and was %+v", l, before[k])
		}
	}
	for k, l := range before {
		if !old(l, o.ShardCosts) && !old(l, o.JobCosts) && l.Sum == 0 && after[k] != l {
			t.Errorf("a young line was %+v, and is %+v", l, after[k])
		}
	}
}

// A line that is booked while a trim looks at others is not young any more, and its sum is not lost; one that is booked again under names that were added up begins anew beside the sum.
func TestBookedAgainAfterItWasAddedUp(t *testing.T) {
	h := newHistory(t, t.TempDir())
	defer closeIt(t, h.m)
	k := LineKey{Month: "2026-11", Dataset: "c4", Activity: "list", Source: "training", Day: "2026-11-26", Job: "train"}
	book := func() {
		update(t, h.m, func(tx *Tx) error {
			return tx.addToLine(Line{LineKey: k, First: At(h.now), Last: At(h.now), NanoUSD: 5})
		})
	}
	for range 3 {
		book()
		h.now = h.now.Add(2 * time.Hour)
		if _, err := h.m.Trim(t.Context(), TrimOptions{Keep: Forever, JobCosts: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	book()
	list := ledgerOf(t, h.m)
	var sum, one Line
	for _, l := range list {
		if l.Sum > 0 {
			sum = l
		} else {
			one = l
		}
	}
	if len(list) != 2 || sum.Sum != 3 || sum.NanoUSD != 15 || one.NanoUSD != 5 || one.LineKey != k {
		t.Errorf("got %+v", list)
	}
}

// What is not in any line and not in a sum is missing, though others are added up.
func TestCheckFindsWhatIsNotInASum(t *testing.T) {
	dir := memoryDir(t)
	h := newHistory(t, dir)
	k := LineKey{Month: "2026-11", Day: "2026-11-26", Dataset: "c4", Source: "training", Activity: "transfer", Need: "n"}
	book := func(path string, nano int64) (id uint64) {
		k.Path = path
		update(t, h.m, func(tx *Tx) (err error) {
			id, err = tx.NextReservation()
			return errors.Join(err, tx.PutLine(Line{LineKey: k, First: At(h.now), Last: At(h.now), NanoUSD: nano}))
		})
		if err := h.m.Journal().Append(Entry{Kind: "settle", Open: Open{ID: id, NanoUSD: nano, Line: k}}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for i, path := range []string{"a", "b", "c"} {
		book(path, int64(10+i))
	}
	h.now = h.now.Add(2 * time.Hour)
	for _, o := range []TrimOptions{{Keep: Forever, ShardCosts: time.Hour}, {Keep: Forever, JobCosts: time.Hour}} {
		out, err := h.m.Trim(t.Context(), o)
		if err != nil || out.Lines == 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		sound(t, h.m)
	}
	var whole Line
	for _, l := range ledgerOf(t, h.m) {
		whole = l
	}
	if whole.Sum != 3 || whole.NanoUSD != 33 {
		t.Fatalf("the sum is %+v", whole)
	}
	whole.NanoUSD--
	update(t, h.m, func(tx *Tx) error { return tx.PutLine(whole) })
	c, err := h.m.Check(t.Context(), CheckOptions{})
	if err != nil || c.Sound() || len(c.Findings) != 1 {
		t.Errorf("found %+v, %v", c.Findings, err)
	}
	closeIt(t, h.m)
}
