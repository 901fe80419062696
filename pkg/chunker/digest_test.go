package chunker

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDigestText(t *testing.T) {
	// The test vector for no input in the BLAKE3 repository.
	const empty = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	d := Sum(nil)
	if d.String() != empty {
		t.Errorf("digest of nothing: %s", d)
	}
	if got, err := ParseDigest(empty); err != nil || got != d {
		t.Errorf("parsed %s, %v", got, err)
	}
	for _, bad := range []string{
		"", "blake3:", strings.TrimPrefix(empty, "blake3:"), empty + "0", empty[:len(empty)-1], strings.ToUpper(empty),
		"blake3:" + strings.ToUpper(empty[7:]), "sha256:" + empty[7:], empty[:len(empty)-1] + "g", " " + empty,
	} {
		if got, err := ParseDigest(bad); err == nil {
			t.Errorf("%q: parsed as %s", bad, got)
		}
	}
}

func TestDigestJSON(t *testing.T) {
	type fields struct{ A, B Digest }
	want := fields{A: Sum([]byte("a"))}
	if !want.B.IsZero() || want.A.IsZero() {
		t.Fatal("IsZero is wrong")
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := fields{B: Sum([]byte("overwritten"))}
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
	if err := json.Unmarshal([]byte(`{"A":"blake3:12"}`), &got); err == nil || got.A != want.A {
		t.Errorf("bad text: %v, now %s", err, got.A)
	}
}
