package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAdopt(t *testing.T) {
	rows, err := adopt([]byte(`[{"name": "a", "ours": 2, "peer": 4, "peer_name": "p", "unit": "GB/s", "ratio": 0.5, "target": 1, "met": false, "limit": "ratio >= 1"}]`))
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := rows[0]
	if r.Name != "a" || r.Ours != 2 || *r.Peer != 4 || r.PeerName != "p" || *r.Ratio != 0.5 || *r.Target != 1 || r.Met || r.limit != "ratio >= 1" {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{``, `{}`, `[{"name": "a", "peer_name": "p", "unit": "s"}]`} {
		if _, err := adopt([]byte(bad)); err == nil {
			t.Errorf("%q was taken for rows", bad)
		}
	}
}

// The table in docs/performance.md is read by these names.
func TestChunkerArea(t *testing.T) {
	t.Chdir("../..")
	chosen, err := options{area: "chunker", runs: 1, scale: 0.001}.choose()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	rows, err := chosen[0].measure(t.Context(), &said, options{runs: 1, scale: 0.001})
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	for i, name := range names {
		if slices.Index(names, name) != i {
			t.Errorf("two rows are called %q", name)
		}
	}
	for _, want := range []string{
		"boundaries, 64 KiB, 1 core", "boundaries, 64 KiB, 1 core: generic form",
		"boundaries, 64 KiB, 1 core: to go-cdc-chunkers fastcdc-v1.0.0", "boundaries, 64 KiB, 1 core: to go-cdc-chunkers fastcdc",
		"boundaries, 64 KiB, 1 core: to go-cdc-chunkers kfastcdc", "boundaries, 64 KiB, 1 core: to go-cdc-chunkers fastcdc4stadia",
		"boundaries, 64 KiB, 1 core: to go-cdc-chunkers jc", "boundaries, 64 KiB, 1 core: to go-cdc-chunkers jc-v1.0.0",
		"boundaries, 64 KiB, 1 core: to go-cdc-chunkers jc-v1.1.0", "boundaries, 64 KiB, 1 core: to go-cdc-chunkers ultracdc",
		"boundaries, 64 KiB, 1 core: to go-cdc-chunkers ultracdc-v1.0.0", "boundaries, 64 KiB, 1 core: to jotfs/fastcdc-go",
		"boundaries, 64 KiB, 1 core: to restic/chunker", "boundaries, 1 MiB, 1 core", "boundaries, 1 MiB, 1 core: generic form",
		"boundaries, 1 MiB, 1 core: to go-cdc-chunkers fastcdc-v1.0.0",
		"BLAKE3 alone, zeebo/blake3, 64 KiB, 1 core(s)", "BLAKE3 alone, lukechampine.com/blake3, 4 MiB, 2 core(s)",
		"everything, 64 KiB, 1 core: to one BLAKE3 pass alone",
		"everything, 64 KiB, 1 core: to chunk digests of go-cdc-chunkers fastcdc-v1.0.0",
		"everything, 64 KiB, 1 core, from a reader: to one BLAKE3 pass alone", "everything, 64 KiB, 2 cores: to 1 core",
		"tar, 1 % replaced, plain-v1: new bytes", "tar, 1 % replaced, tar-v1: new bytes",
		"tar, 1 % replaced, tar-v2: new bytes",
		"tar, 0.5 % inserted, 0.5 % removed, plain-v1: new bytes", "tar, 0.5 % inserted, 0.5 % removed, tar-v1: new bytes",
		"tar, 0.5 % inserted, 0.5 % removed, tar-v2: new bytes",
		"tar, 5 % appended, plain-v1: new bytes", "tar, 5 % appended, tar-v1: new bytes",
		"tar, 5 % appended, tar-v2: new bytes",
		"tar, 1 % replaced, plain-v1: new bytes, to go-cdc-chunkers jc-v1.1.0",
		"tar, 4 shards shuffled, plain-v1: new bytes", "tar, 4 shards shuffled, tar-v1: new bytes",
		"tar, 4 shards shuffled, tar-v2: new bytes",
		"WebDataset, 4 shards shuffled, plain-v1: new bytes", "WebDataset, 4 shards shuffled, tar-v1: new bytes",
		"WebDataset, 4 shards shuffled, tar-v2: new bytes",
		"delta to FastCDC: mean chunk", "delta to FastCDC, replaced: new bytes", "delta to FastCDC, inserted and removed: new bytes",
		"delta to FastCDC, 5 % appended: new bytes", "delta to FastCDC, tiny, one a MiB: new bytes",
		"delta to FastCDC, all edits: mean ratio",
		"random input: mean chunk to the average asked for", "odd input: least mean chunk to the average asked for",
		"odd input: most mean chunk to the average asked for", "odd input: slowest search to that of random data",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no row is called %q", want)
		}
	}
	for _, r := range rows {
		if r.Ours <= 0 && !strings.Contains(r.Name, "shuffled") {
			t.Errorf("%s: %g %s", r.Name, r.Ours, r.Unit)
		}
	}
}
