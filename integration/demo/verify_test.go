package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/integration/dataset"
)

// memory is a place that can be spoilt.
type memory map[string][]byte

func (m memory) list(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for k, v := range m {
		out[k] = int64(len(v))
	}
	return out, nil
}

func (m memory) read(_ context.Context, key string) ([]byte, error) {
	v, ok := m[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return v, nil
}

// What is wrong at a destination is found, and what is right is not called wrong.
func TestAudit(t *testing.T) {
	old := dataset.Make(dataset.Options{Shards: 4, ShardBytes: 50 << 10})
	next, changes, err := old.Mutate(1)
	if err != nil {
		t.Fatal(err)
	}
	var deleted dataset.Change
	for _, c := range changes {
		if c.Kind == dataset.Deleted {
			deleted = c
		}
	}
	shard := destPrefix + next.Objects()[0].Path
	gone := destPrefix + deleted.Path
	receipt := private + "ready/imagenet/x.json"

	for name, c := range map[string]struct {
		spoil func(memory)
		want  string // part of the expectation that must fail, "" for none
	}{
		"as it must be":           {func(memory) {}, ""},
		"a receipt was withdrawn": {func(m memory) { delete(m, receipt) }, ""},
		"a bit flipped":           {func(m memory) { m[shard] = flipped(m[shard]) }, "byte for byte"},
		"cut short":               {func(m memory) { m[shard] = m[shard][:len(m[shard])-1] }, "byte for byte"},
		"missing":                 {func(m memory) { delete(m, shard) }, "byte for byte"},
		"not asked for":           {func(m memory) { m[destPrefix+"x"] = nil }, "not asked for"},
		"left behind":             {func(m memory) { m[private+"tmp/x"] = nil }, "no temporary object"},
		"deleted":                 {func(m memory) { delete(m, gone) }, "nothing was deleted"},
		"a retained one changed":  {func(m memory) { m[gone] = flipped(m[gone]) }, "byte for byte"},
	} {
		t.Run(name, func(t *testing.T) {
			source, place := memory{}, memory{receipt: nil}
			d := &demo{version: next, source: source, retained: map[string]dataset.Object{}, checks: expectations{out: io.Discard}}
			for _, o := range next.Objects() {
				source[sourcePrefix+o.Path] = o.Content()
				place[destPrefix+o.Path] = o.Content()
			}
			for _, o := range old.Objects() {
				if o.Path == deleted.Path {
					d.retained[o.Path] = o
					place[gone] = o.Content()
				}
			}
			before, err := place.list(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d.dests = []*destination{{name: "x", title: "x", reader: place, keys: before}}
			d.rows = []row{{Destination: "x", Round: 1}}
			c.spoil(place)
			if err := d.audit(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			wrong := strings.Join(d.checks.wrong, "\n")
			if c.want == "" && wrong != "" || !strings.Contains(wrong, c.want) {
				t.Errorf("found wrong: %q, want %q", wrong, c.want)
			}
			if d.rows[0].Verified == (c.want == "byte for byte" || c.want == "nothing was deleted") {
				t.Errorf("verified: %v", d.rows[0].Verified)
			}
		})
	}
}

// A source that does not hold what was written to it is no measure for the destinations.
func TestAuditDistrustsSource(t *testing.T) {
	d := &demo{version: dataset.Make(dataset.Options{Shards: 4, ShardBytes: 1}), source: memory{}, checks: expectations{out: io.Discard}}
	if err := d.audit(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "the source itself") {
		t.Errorf("an empty source: %v", err)
	}
}

func TestCheckLink(t *testing.T) {
	good := budgetRow{Name: "azure-to-x", Spent: 5, Bytes: 110}
	for name, c := range map[string]struct {
		ledger ledgerRow
		budget budgetRow
		wrong  int
	}{
		"as it must be":                 {ledgerRow{USD: 5, Bytes: 110}, good, 0},
		"the ledger misses bytes":       {ledgerRow{USD: 5, Bytes: 99}, good, 2},
		"more in the ledger than sent":  {ledgerRow{USD: 5, Bytes: 121}, good, 2},
		"the budget misses money":       {ledgerRow{USD: 6, Bytes: 110}, good, 1},
		"nothing was paid":              {ledgerRow{Bytes: 110}, budgetRow{Name: "azure-to-x", Bytes: 110}, 1},
		"something is still reserved":   {ledgerRow{USD: 5, Bytes: 110}, budgetRow{Name: "azure-to-x", Spent: 5, Bytes: 110, Reserved: 1}, 1},
		"the budget of another link":    {ledgerRow{USD: 5, Bytes: 110}, budgetRow{Name: "azure-to-y", Spent: 5, Bytes: 110}, 1},
		"more was spent than the limit": {ledgerRow{USD: 6e9, Bytes: 110}, budgetRow{Name: "azure-to-x", Spent: 6e9, Bytes: 110}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := &demo{checks: expectations{out: io.Discard}}
			d.checkLink(&destination{name: "x", payload: 100, wire: 120}, c.ledger, []budgetRow{c.budget})
			if len(d.checks.wrong) != c.wrong {
				t.Errorf("wrong: %q, want %d", d.checks.wrong, c.wrong)
			}
		})
	}
}

func flipped(p []byte) []byte {
	p = append([]byte(nil), p...)
	p[len(p)/2] ^= 1
	return p
}

func TestDirReader(t *testing.T) {
	dir := t.TempDir()
	r := dirReader(dir)
	if err := os.MkdirAll(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a/b.tar": "12345", "c": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.list(t.Context())
	if err != nil || !maps.Equal(got, map[string]int64{"a/b.tar": 5, "c": 0}) {
		t.Errorf("listed %v, %v", got, err)
	}
	if b, err := r.read(t.Context(), "a/b.tar"); err != nil || string(b) != "12345" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestDrain(t *testing.T) {
	for announced, want := range map[int64]string{-1: "12345 <nil>", 5: "12345 <nil>", 4: "more than announced", 6: "unexpected EOF"} {
		b, err := drain(strings.NewReader("12345"), announced)
		if got := fmt.Sprintf("%s %v", b, err); !strings.Contains(got, want) {
			t.Errorf("announced %d: %s", announced, got)
		}
	}
}
