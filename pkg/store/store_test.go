package store

import (
	"errors"
	"strings"
	"testing"
)

func TestNameRules(t *testing.T) {
	posix := NameRules{MaxBytes: 4096, MaxSegmentBytes: 255, DotSegments: true, EmptySegments: true, TrailingSlash: true, FileOrFolder: true}
	azure := NameRules{MaxChars: 1024, MaxSegments: 254, TrailingDot: true, TrailingSlash: true}
	gcs := NameRules{MaxBytes: 1024, CRLF: true, InvalidUTF8: true, Reserved: []string{".well-known/acme-challenge/"}}
	for _, c := range []struct {
		rules NameRules
		key   string
		ok    bool
	}{
		{posix, "a/b.tar", true}, {posix, "a//b", false}, {posix, "/a", false}, {posix, "a/./b", false}, {posix, "a/../b", false},
		{posix, "dir/", false}, {posix, "a/..b", true}, {posix, strings.Repeat("x", 256), false}, {posix, "a\x00b", false}, {posix, "", false},
		{azure, strings.Repeat("ü", 1024), true}, {azure, strings.Repeat("ü", 1025), false}, {azure, "a.", false}, {azure, "a//b", true},
		{azure, strings.Repeat("a/", 254) + "a", false},
		{gcs, strings.Repeat("ü", 513), false}, {gcs, "a\nb", false}, {gcs, "\xff", false}, {gcs, ".well-known/acme-challenge/x", false},
		{gcs, "a b+%2F?#", true},
		{NameRules{Control: true}, "a\x01", false}, {NameRules{Backslash: true}, `a\b`, false},
	} {
		err := c.rules.Check(c.key)
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrName)) {
			t.Errorf("%.40q: %v", c.key, err)
		}
	}
	errs := posix.CheckAll([]string{"foo", "foo/bar", "a//b", "fine"})
	if len(errs) != 2 {
		t.Errorf("%d refusals: %v", len(errs), errs)
	}
}

func TestChecksumsCompare(t *testing.T) {
	a := Checksums{CRC64NVME: Hex64(1), CRC32C: Hex32(2)}
	for _, c := range []struct {
		b    Checksums
		want Verdict
	}{
		{Checksums{}, Unknown}, {Checksums{MD5: "x"}, Unknown}, {Checksums{CRC64NVME: Hex64(1)}, Equal},
		{Checksums{CRC64NVME: Hex64(1), CRC32C: Hex32(3)}, Different}, {a, Equal},
	} {
		if got := a.Compare(c.b); got != c.want || c.b.Compare(a) != c.want {
			t.Errorf("%+v: %v", c.b, got)
		}
	}
	if v, err := ParseHex64(Hex64(0xae8b14860a799888)); err != nil || v != 0xae8b14860a799888 {
		t.Errorf("%x, %v", v, err)
	}
	if _, err := ParseHex32("zz"); err == nil {
		t.Error("not hex was taken")
	}
}

func TestLocation(t *testing.T) {
	l, err := ParseLocation("aws:US-East-1")
	if err != nil || l.String() != "aws:us-east-1" {
		t.Errorf("%v, %v", l, err)
	}
	for _, bad := range []string{"", "aws", "aws:", ":x", "moon:base"} {
		if _, err := ParseLocation(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
