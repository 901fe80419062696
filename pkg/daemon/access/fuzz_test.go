package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzTokens reads what people may have made of a file of tokens: it is refused with its name, and then nobody has a token; or a token is found by the text whose hash stands there and by
// no other, and counts as its dates say.
func FuzzTokens(f *testing.F) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	dir := f.TempDir()
	made := OpenTokens(dir, clock)
	secret, _, err := made.Create("ci", []Scope{Read, Jobs}, now.Add(time.Hour), "ada")
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, tokensFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, secret)
	f.Add([]byte("[]"), "")
	f.Add([]byte(`[{"name":"a","sha256":""},{"name":"a","scopes":["admin"],"sha256":"E3B0"}]`), "")
	f.Fuzz(func(t *testing.T, b []byte, secret string) {
		if err := os.WriteFile(filepath.Join(dir, tokensFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		tokens := OpenTokens(dir, clock)
		found, ok, err := tokens.Find(secret)
		list, listErr := tokens.List()
		if (err == nil) != (listErr == nil) {
			t.Fatalf("%v, and %v", err, listErr)
		}
		if err != nil {
			if ok || !strings.Contains(err.Error(), filepath.Join(dir, tokensFile)) {
				t.Errorf("%v %v", ok, err)
			}
			return
		}
		live := false
		for _, one := range list {
			live = live || one.SHA256 == digest(secret) && one.Live(now)
		}
		if ok && (found.SHA256 != digest(secret) || !found.Live(now)) || ok && !live {
			t.Errorf("%q is %+v", secret, found)
		}
		if _, ok, err := tokens.Find(secret + "x"); err != nil || ok && !strings.Contains(string(b), digest(secret+"x")) {
			t.Errorf("another text is found too: %v", err)
		}
		if same, still, err := tokens.Same(found); ok && (err != nil || still && same.SHA256 != found.SHA256) {
			t.Errorf("%+v %v %v", same, still, err)
		}
	})
}
