package azure

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestBlockIDs(t *testing.T) {
	nonce := newNonce(time.Unix(1_800_000_000, 0))
	for _, blocks := range []int{1, 9, 10, 11, 99, 100, 101, 50_000} {
		var ids []string
		for n := 1; n <= blocks; n++ {
			ids = append(ids, blockID{nonce: nonce, number: n, offset: int64(n-1) * parts.MaxBytes, crc64: uint64(n) << 40}.String())
		}
		for i, id := range ids {
			if len(id) != blockIDLen {
				t.Fatalf("%d blocks: ID %d has %d characters, want %d", blocks, i+1, len(id), blockIDLen)
			}
			if got, ok := parseBlockID(id); !ok || got.number != i+1 || got.offset != int64(i)*parts.MaxBytes {
				t.Fatalf("%d blocks: ID %d reads back as %+v, %v", blocks, i+1, got, ok)
			}
		}
		if slices.Sort(ids); len(slices.Compact(ids)) != blocks {
			t.Errorf("%d blocks: IDs are not distinct", blocks)
		}
	}
	if raw := base64.StdEncoding.DecodedLen(blockIDLen); raw > 64 {
		t.Errorf("an ID has %d bytes before base64, the service takes 64", raw)
	}
}

func TestBlockIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := blockID{
			nonce:  newNonce(time.Now()),
			number: rapid.IntRange(1, parts.MaxParts).Draw(t, "number"),
			offset: rapid.Int64Range(0, parts.MaxObjectBytes).Draw(t, "offset"),
			crc64:  rapid.Uint64().Draw(t, "crc64"),
			copied: rapid.Bool().Draw(t, "copied"),
		}
		if got, ok := parseBlockID(want.String()); !ok || got != want {
			t.Fatalf("%+v reads back as %+v, %v", want, got, ok)
		}
	})
}

func TestForeignBlockIDs(t *testing.T) {
	ours := blockID{nonce: newNonce(time.Now()), number: 7}
	raw, err := base64.StdEncoding.DecodeString(ours.String())
	if err != nil {
		t.Fatal(err)
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, id := range map[string]string{
		"empty":              "",
		"short":              encode("0001"),
		"same length":        encode(strings.Repeat("x", rawIDLen)),
		"another format":     encode("dg3" + string(raw[3:])),
		"nonce not hex":      encode("dg1" + strings.Repeat("z", nonceLen) + string(raw[27:])),
		"number not decimal": encode(string(raw[:27]) + "0000a" + string(raw[32:])),
		"signed number":      encode(string(raw[:27]) + "+0007" + string(raw[32:])),
		"not base64":         strings.Repeat("*", blockIDLen),
	} {
		if b, ok := parseBlockID(id); ok {
			t.Errorf("%s is taken for ours: %+v", name, b)
		}
	}
}

func TestNonceHasTime(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	a, b := newNonce(now), newNonce(now)
	if a == b {
		t.Error("two nonces of one second are equal")
	}
	if got, ok := created(a); !ok || !got.Equal(now) {
		t.Errorf("the nonce's time is %v, %v; want %v", got, ok, now)
	}
	for _, no := range []string{"", "none", a + "00", strings.Repeat("g", nonceLen)} {
		if _, ok := created(no); ok {
			t.Errorf("%q is taken for a nonce", no)
		}
	}
}

func TestBlockListCovers(t *testing.T) {
	u := store.Upload{Key: "k", ID: newNonce(time.Now())}
	part := func(number int, offset, size int64) store.Part {
		return blockID{nonce: u.ID, number: number, offset: offset}.part(size)
	}
	other := blockID{nonce: newNonce(time.Now()), number: 1}.part(5)
	many := make([]store.Part, parts.MaxParts+1)
	for i := range many {
		many[i] = part(i+1, int64(i), 1)
	}
	for name, c := range map[string]struct {
		parts []store.Part
		size  int64
		ok    bool
	}{
		"one":                {[]store.Part{part(1, 0, 5)}, 5, true},
		"numbers with holes": {[]store.Part{part(2, 0, 5), part(9, 5, 1)}, 6, true},
		"empty":              {nil, 0, true},
		"50,000":             {many[:parts.MaxParts], int64(parts.MaxParts), true},
		"50,001":             {many, int64(parts.MaxParts) + 1, false},
		"gap":                {[]store.Part{part(1, 0, 5), part(2, 6, 1)}, 7, false},
		"overlap":            {[]store.Part{part(1, 0, 5), part(2, 4, 1)}, 6, false},
		"not from zero":      {[]store.Part{part(1, 1, 5)}, 5, false},
		"twice":              {[]store.Part{part(1, 0, 5), part(1, 0, 5)}, 10, false},
		"swapped":            {[]store.Part{part(2, 5, 5), part(1, 0, 5)}, 10, false},
		"too short":          {[]store.Part{part(1, 0, 5)}, 6, false},
		"too long":           {[]store.Part{part(1, 0, 5)}, 4, false},
		"of another upload":  {[]store.Part{other}, 5, false},
		"without an id":      {[]store.Part{{Number: 1, Size: 5}}, 5, false},
	} {
		if _, err := blockList(u, c.parts, store.CompleteOptions{Size: c.size}); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
