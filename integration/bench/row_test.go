package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	for _, c := range []struct {
		name  string
		row   row
		ratio float64 // NaN: none
		met   bool
	}{
		{"at the limit", ratioAtMost("r", "s", 13, 10, 1.3), 1.3, true},
		{"over it", ratioAtMost("r", "s", 13.1, 10, 1.3), 1.31, false},
		{"against nothing", ratioAtMost("r", "s", 1, 0, 1.3), math.NaN(), false},
		{"three times faster", faster("r", 10, 30, 3), 3, true},
		{"not quite", faster("r", 10, 29, 3), 2.9, false},
		{"absolute, the peer is better", atMost("r", "MiB", 200, 100, 256), 2, true},
		{"absolute, the peer is worse", atMost("r", "MiB", 300, 600, 256), 0.5, false},
		{"none wanted, none made", atMost("r", "requests", 0, 20, 0), 0, true},
		{"none wanted, one made", atMost("r", "requests", 1, 20, 0), 0.05, false},
		{"alone", alone("r", "MiB", 32, 64), 0.5, true},
		{"alone and too much", alone("r", "MiB", 65, 64), 65.0 / 64, false},
		{"alone, none wanted, none made", alone("r", "uploads", 0, 0), math.NaN(), true},
		{"alone, none wanted, one made", alone("r", "uploads", 1, 0), math.NaN(), false},
		{"as much as is wanted", atLeast("r", "MB/s", 400, 200, 400), 2, true},
		{"more than the peer, and too little", atLeast("r", "MB/s", 399, 200, 400), 1.995, false},
		{"told", told("r", "s", 5, 1), 5, true},
	} {
		switch got := c.row.Ratio; {
		case math.IsNaN(c.ratio) != (got == nil):
			t.Errorf("%s: ratio %v, want %v", c.name, got, c.ratio)
		case got != nil && math.Abs(*got-c.ratio) > 1e-9:
			t.Errorf("%s: ratio %v, want %v", c.name, *got, c.ratio)
		}
		if c.row.Met != c.met {
			t.Errorf("%s: met %v, want %v", c.name, c.row.Met, c.met)
		}
	}
}

// What others read has every field in every row.
func TestResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "build", "bench-x.json")
	if err := writeResults(path, []row{faster("a", 1, 2, 3), alone("b", "MiB", 1, 2), told("c", "s", 1, 0)}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		for _, field := range []string{"name", "ours", "peer", "peer_name", "unit", "ratio", "target", "met"} {
			if _, ok := r[field]; !ok {
				t.Errorf("row %v has no %s", r["name"], field)
			}
		}
	}
	if rows[0]["peer_name"] != "rclone" || rows[1]["peer_name"] != "none" || rows[1]["peer"] != nil {
		t.Errorf("peers: %s", data)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := printTable(&out, []row{ratioAtMost("first: wall", "s", 11.25, 10, 1.1), alone("kill", "MiB", 32, 64)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"11.2", "10 rclone", "1.12", "ratio <= 1.1", "NO", "ours <= 64", "0.50", "1 of 2 met"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{5, 100, 1, 4, 3}, 4}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.of, got, c.want)
		}
	}
}
