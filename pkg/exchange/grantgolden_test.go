package exchange

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// goldenPapers are the documents of a grant as docs/format.md has them, by the name of their file: where each lies, and its BLAKE3.
var goldenPapers = map[string]struct{ key, digest string }{
	"request.json":      {".datagravity/v1/asks/edge%201%2F2/00112233445566778899aabbccddeeff.ask.json", "blake3:8870d88356727f6ca8b63ccf3ff8a8b57d167c03cccd801c3873ef91a704e179"},
	"bare-request.json": {".datagravity/v1/asks/edge%201%2F2/00112233445566778899aabbccddeeff.ask.json", "blake3:8af28034c945934637ce73f0e63410cfec77546ef971c5df42e4d73e07b180c5"},
	"grant.json":        {".datagravity/v1/grants/edge%201%2F2/00112233445566778899aabbccddeeff.json", "blake3:ac8797943273c30c52ccf9bdc9014659bf22d774e8b64358e31cf96717695bca"},
	"refusal.json":      {".datagravity/v1/grants/edge%201%2F2/00112233445566778899aabbccddeeff.json", "blake3:792f74349a17aae2c522ccfa5b574c973bc4d4c7cf59ac039d4242e133610ef8"},
	"claim.json":        {".datagravity/v1/asks/edge%201%2F2/00112233445566778899aabbccddeeff.claim.json", "blake3:a922eaacd2c41a4018fef4faa2f6b73fdd9e3a1ab0e8e0b252f5dbc9511464b1"},
	"revocation.json":   {".datagravity/v1/asks/edge%201%2F2/00112233445566778899aabbccddeeff.claim.json", "blake3:edaa92bc2d5d4bdbcf357cf9e74818c6f54f54cb61b198dd77778b7c2567345d"},
	"settlement.json":   {".datagravity/v1/asks/edge%201%2F2/00112233445566778899aabbccddeeff.settled.json", "blake3:47c59250d9cf712bc92adf17220a0d62938fdd854559d043e4e7f6597ae075e1"},
	"ledger.json":       {".datagravity/v1/ledger.json", "blake3:53671b915a3e9a57958119c37ccb1e4990e9dc393017a36339e13f37248a0ce3"},
}

// The golden documents pin the formats: they are the same byte for byte in every later version, and none of their bits can be another
// one without being noticed.
func TestGoldenGrants(t *testing.T) {
	if entries, err := os.ReadDir("testdata/grants-v1"); !*update && (err != nil || len(entries) != len(goldenPapers)) {
		t.Errorf("%d files, %v", len(entries), err)
	}
	requests.golden(t, "request.json", someRequest())
	requests.golden(t, "bare-request.json", bareRequest())
	grants.golden(t, "grant.json", someGrant())
	grants.golden(t, "refusal.json", someRefusal())
	claims.golden(t, "claim.json", someClaim())
	claims.golden(t, "revocation.json", someRevocation())
	settlements.golden(t, "settlement.json", someSettlement())
	marks.golden(t, "ledger.json", someMark())
}

func (k kindOfPaper[T]) golden(t *testing.T, name string, v T) {
	t.Helper()
	file, made := "testdata/grants-v1/"+name, k.sealed(t, func(is *T) { *is = v })
	if *update {
		if err := os.MkdirAll("testdata/grants-v1", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := goldenPapers[name]
	if d := chunker.Sum(b).String(); d != want.digest {
		t.Errorf("%s has the digest %s, want %s", name, d, want.digest)
	}
	if !bytes.Equal(made, b) {
		t.Errorf("%s reads\n%s\nwant\n%s", name, made, b)
	}
	now := noon
	s := storeAt(&now)
	overwrite(t, s, want.key, b)
	k.mustRead(t, s, v)

	tried := 0
	damages(b, func(what string, b []byte) {
		tried++
		overwrite(t, s, want.key, b)
		if v, found, err := k.read(s); found || err == nil || !strings.Contains(err.Error(), want.key+" is not usable") {
			t.Errorf("%s, %s: %+v, %v", name, what, v, err)
		}
	})
	if tried != 9*len(b)+3 {
		t.Errorf("%s: tried %d damages of %d bytes", name, tried, len(b))
	}
}

// Every vector stands in docs/format.md.
func TestGoldenGrantsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range goldenPapers {
		if !strings.Contains(string(doc), "`"+name+"` | `"+strings.TrimPrefix(g.digest, "blake3:")+"`") {
			t.Errorf("%s with %s does not", name, g.digest)
		}
	}
}
