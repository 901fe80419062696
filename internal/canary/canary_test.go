package canary

import (
	"bytes"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const sas = "sv=2026-06-06&se=2026-12-01&sig=aB%2Bc%2Fd0123456789012345%3D&sp=rl"
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary/of+s3")
	secrets := Secrets("short", sas)
	for text, found := range map[string]string{
		"":                                             "",
		"nothing of se=2026-12-01 is":                  "",
		"short is found by chance":                     "",
		"one\ntwo: canary/of+s3":                       `a secret in line 2, after "two: "`,
		"in a URL ?k=canary%2Fof%2Bs3":                 `a secret in line 1, after "in a URL ?k="`,
		"in base64 Y2FuYXJ5L29mK3Mz":                   `a secret in line 1, after "in base64 "`,
		"a SAS aB+c/d0123456789012345= is":             `a secret in line 1, after "a SAS "`,
		"https://h/c?sv=1&sig=someoneElses012345678":   `a secret in line 1, after "https://h/c?sv=1"`,
		"https://h/c?sv=1&sig=REDACTED":                "",
		"x aB%2Bc%2Fd0123456789012345%3D canary/of+s3": `a secret in line 1, after "x "`,
	} {
		if got := Find([]byte(text), secrets); got != found {
			t.Errorf("%q: %q, want %q", text, got, found)
		}
	}
}

func TestWriter(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary/of+s3")
	var to bytes.Buffer
	w := Writer{To: &to}
	for _, piece := range []string{"it is can", "ary/of", "+s3\n"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Find(Secrets()); !strings.Contains(got, "line 1") || to.String() != "it is canary/of+s3\n" {
		t.Errorf("%q, passed on %q", got, to.String())
	}
}
