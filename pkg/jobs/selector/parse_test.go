package selector

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/jobs"
)

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"a.tar":         "a.tar",
		"**/*.tar":      "**/*.tar",
		"{train,val}/*": "{train,val}/*",
		"a:b":           "a:b", "list": "list", "range": "range", "mds": "mds", // files can be called so
		"train-{000..002}.tar":                   "wds:train-{000..002}.tar",
		"wds:${ROOT}/${SPLIT}-{0..9}.tar::b.tar": "wds:s3://bucket/c4/train-{0..9}.tar::b.tar",
		"wds:x${BRACES}":                         "wds:x{0..1}",
		"s3://bucket/c4/a.tar":                   "list:s3://bucket/c4/a.tar",
		"https://lab.blob.core.windows.net/shards/c4/b.tar?sv=1&sig=secret":       "list:https://lab.blob.core.windows.net/shards/c4/b.tar",
		"wds:https://h/x-{0..9}.tar?sig=secret::azblob://c/y?storage_account=lab": "wds:https://h/x-{0..9}.tar::azblob://c/y?storage_account=lab",
		`list:a, b ,c\,d,e\\f`:                     `list:a,b,c\,d,e\\f`,
		"urls:list.txt":                            `list:s3://bucket/c4/b.tar,a\,1.tar,x\\y.tar`,
		"range:5,0-3,4-9,30-,20":                   "range:0-9,20,30-",
		"range:7-7 of train/*":                     "range:7 of train/*",
		"range:1-2 of list:a of b,c":               "range:1-2 of list:a of b,c",
		"bytes:1.5GiB":                             "bytes:1610612736",
		"bytes:100GB seed=007":                     "bytes:100000000000 seed=7",
		"bytes:1kB seed=1 of range:0-9 of x{0..9}": "bytes:1000 seed=1 of range:0-9 of wds:x{0..9}",
		"mds:":                         "mds:",
		"mds:./train//":                "mds:train",
		"litdata:a/../b":               "litdata:b",
		"wids:x/train.json":            "wids:x/train.json",
		"energon:train":                "energon:train",
		"energon:train@sub/":           "energon:train@sub",
		"megatron:c/text_document.idx": "megatron:c/text_document",
		"parquet:data/train":           "parquet:data/train",
		"delta:t/":                     "delta:t",
	} {
		s, err := Parse([]string{text}, options)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := s.Terms()
		if d := cmp.Diff([]string{want}, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
		again, err := Parse(got, Options{})
		if err != nil || !cmp.Equal(again.Terms(), got) {
			t.Errorf("%s: read again: %q, %v", text, again.Terms(), err)
		}
	}
}

func TestMalformedTerms(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "is empty",
		"a\nb":                                   "line break",
		"[a-":                                    "is malformed",
		"train-{0..9}-*.tar":                     "write the one without the other",
		"s3://bucket/c4/*.tar":                   "is a URL and a glob",
		"pipe:cat x":                             "pipe: runs a command",
		"wds:pipe:aws s3 cp s3://b/x.tar -":      "pipe: runs a command; write the object's URL, s3://b/x.tar",
		"wds:":                                   "has an empty name",
		"wds:a::":                                "has an empty name",
		"https://u:secret@h/x":                   "credentials do not belong in a URL",
		"list:a,https://u:secret@h/x":            "credentials do not belong in a URL",
		"wds:{a,s3://b/x?sig=secret}":            "a URL with parameters within braces",
		"https://h/*.tar?sig=secret":             "is a URL and a glob",
		"wds:{a":                                 "has no } after it",
		"wds:${NONE}":                            "the variable WDS_NONE is not set",
		"wds:${LOOP}":                            "refer to each other more than 10 times",
		"wds:" + strings.Repeat("${BOMB}", 2000): "longer than 1048576 bytes",
		"wds:${TWO}":                             "WDS_TWO has :: in it",
		"wds:${HALF}${HALF}":                     "its variables make a ::",
		"wds:{0..999999999}{0..999999999}":       "make more than 1000000 names",
		"x{0..1000000}":                          "make more than 1000000 names",
		strings.Repeat("y", 3000) + "{0..99999}": "names of more than 268435456 bytes",
		"list:":                                  "has an empty name",
		"list:a,,b":                              "has an empty name",
		"list:pipe:gsutil cat gs://b/x":          "write the object's URL, gs://b/x",
		"urls:none.txt":                          "file does not exist",
		"urls:empty.txt":                         "names nothing",
		"urls:large.txt":                         "has more than 67108864 bytes",
		"urls:pipe.txt":                          "pipe.txt, line 2: no selection",
		"range:":                                 "is no number",
		"range:1-2-3":                            "is no range",
		"range:-5":                               "is no number",
		"range:9-0":                              "ends before it begins",
		"range:+1":                               "is no number",
		"range:0-9 of ":                          "is empty",
		strings.Repeat("range:0 of ", 10) + "a":  `more than 8 "of"`,
		"bytes:many":                             "write bytes as 512",
		"bytes:5XB":                              `unknown unit "XB"`,
		"bytes:1.5":                              "not a whole number of bytes",
		"bytes:9EB":                              "unknown unit",
		"bytes:9000000PB":                        "more than 9223372036854775807 bytes",
		"bytes:1GB seed=x":                       "is no seed",
		"bytes:1GB fast":                         "is no seed",
		"wids:":                                  "write wids:train.json",
		"energon:@x":                             "names no split",
		"megatron:.idx":                          "names nothing",
		"mds:s3://bucket/c4":                     "it is a URL; write the path",
	} {
		_, err := Parse([]string{text}, options)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: error %.300v, want %q in it", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a credential is in %v", err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%.60q: an error of %d bytes", text, len(err.Error()))
		}
	}
	for _, text := range []string{"list:a,../b", "urls:up.txt", "mds:../x", "wids:/etc/x.json", "range:0 of list:..//b", "energon:train@../x", "parquet:../train"} {
		if _, err := Parse([]string{text}, options); !errors.Is(err, ErrOutside) || !strings.Contains(err.Error(), "term ") {
			t.Errorf("%s: %v, want %v", text, err, ErrOutside)
		}
	}
	if _, err := Parse([]string{"urls:x"}, Options{}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := Parse([]string{"list:a,b", "wds:{0..2}"}, Options{MaxNames: 4}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "more than 4 names") {
		t.Errorf("the names of all terms were not added: %v", err)
	}
}

func TestKindsOfSelections(t *testing.T) {
	for _, tt := range []struct {
		terms       []string
		globs, read bool
	}{
		{nil, true, false}, {[]string{"*.tar", "a"}, true, false}, {[]string{"*.tar", "list:a"}, false, false},
		{[]string{"mds:"}, false, true}, {[]string{"a", "range:0 of delta:t"}, false, true}, {[]string{"parquet:train"}, false, false},
		{[]string{"bytes:1 of energon:train"}, false, true},
	} {
		s := parse(t, tt.terms...)
		globs, ok := s.Globs()
		if ok != tt.globs || ok && !cmp.Equal(globs, tt.terms) || s.NeedsIndex() != tt.read || s.All() != (tt.terms == nil) {
			t.Errorf("%v: globs %v, %v; needs an index: %v", tt.terms, globs, ok, s.NeedsIndex())
		}
	}
	if s := (Selection{}).String(); s != "all shards" {
		t.Error(s)
	}
	if s := parse(t, "a", "b", "c", "d", "e").String(); s != `"a", "b", "c" and 2 more` {
		t.Error(s)
	}
}

// genTerm writes terms of every kind, some of them wrong.
func genTerm(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		name := rapid.StringMatching(`[a-c{},\\ @]{0,3}[a-z0-9./*?-]{1,6}`)
		word := rapid.SampledFrom([]string{"", "", "wds:", "list:", "mds:", "wids:", "litdata:", "energon:", "megatron:", "parquet:", "delta:", "range:", "bytes:"}).Draw(t, "word")
		switch word {
		case "range:":
			word += rapid.StringMatching(`[0-9]{1,2}(-[0-9]{0,2})?(,[0-9]{1,2}(-[0-9]{0,2})?){0,3}`).Draw(t, "numbers")
		case "bytes:":
			word += rapid.StringMatching(`[0-9]{1,3}(KiB|GB)?( seed=[0-9]{1,3})?`).Draw(t, "amount")
		case "wds:":
			return word + rapid.StringMatching(`[a-c]{0,3}(\{[0-9]{1,2}\.\.[0-9]{1,2}\})?(::)?[a-z{},]{0,4}`).Draw(t, "spec")
		case "list:":
			return word + strings.Join(rapid.SliceOfN(name, 1, 3).Draw(t, "names"), ",")
		default:
			return word + name.Draw(t, "name")
		}
		if depth == 0 || rapid.Bool().Draw(t, "alone") {
			return word
		}
		return word + " of " + genTerm(depth-1).Draw(t, "of")
	})
}

func TestTermsAreCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := Parse(rapid.SliceOfN(genTerm(2), 1, 3).Draw(t, "terms"), Options{})
		if err != nil {
			return
		}
		again, err := Parse(s.Terms(), Options{})
		if err != nil || !cmp.Equal(s.Terms(), again.Terms()) {
			t.Fatalf("%q read again is %q, %v", s.Terms(), again.Terms(), err)
		}
	})
}

func TestRangesAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,2}(-[0-9]{0,2})?(,[0-9]{1,2}(-[0-9]{0,2})?){0,5}`).Draw(t, "text")
		n, err := parseNumbers(text)
		if err != nil {
			return
		}
		has := func(n numbers, v int64) bool {
			for _, in := range n {
				if in.first <= v && v <= in.last {
					return true
				}
			}
			return false
		}
		for i := 1; i < len(n); i++ {
			if n[i].first <= n[i-1].last+1 {
				t.Fatalf("%s: %v meet", text, n)
			}
		}
		parts := strings.Split(text, ",")
		for v := range int64(120) {
			want := false
			for _, part := range parts {
				one, err := parseNumbers(part)
				if err != nil {
					t.Fatal(err)
				}
				want = want || has(one, v)
			}
			if has(n, v) != want {
				t.Fatalf("%s: %d is in it: %v", text, v, !want)
			}
		}
	})
}

// A glob selects what it selected before there were other terms.
func TestGlobsAreAsBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab/]{0,3}(\*|\*\*|\?|\[ab\]|\{a,b/\}|/\*\*)?[ab/]{0,3}(\*\*)?`).Draw(t, "pattern")
		path := rapid.StringMatching(`[ab/]{1,6}`).Draw(t, "path")
		s, err := Parse([]string{pattern}, Options{})
		if err != nil {
			return
		}
		before, err := jobs.NewSelection([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Resolve(t.Context(), newMemory(map[string]int64{path: 1}))
		if err != nil && !errors.Is(err, ErrNothingSelected) {
			t.Fatal(err)
		}
		if (len(got.Paths) == 1) != before.Matches(path) {
			t.Fatalf("%q selects %q: %v", pattern, path, !before.Matches(path))
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"**/*.tar", "wds:${ROOT}/x-{000..010}.tar::b", "list:a,b\\,c", "urls:list.txt", "range:0-9,20- of mds:train", "bytes:100GB seed=1 of x{0..9}",
		"energon:train@sub", "megatron:x.idx.bin", "s3://bucket/c4/a", "pipe:x", "delta:", "parquet:train",
	} {
		f.Add(s)
	}
	o := options
	o.MaxNames = 1000
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse([]string{text}, o)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOutside) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again, err := Parse(s.Terms(), Options{MaxNames: 1000})
		if err != nil || !cmp.Equal(s.Terms(), again.Terms()) {
			t.Fatalf("%q read again is %q, %v", s.Terms(), again.Terms(), err)
		}
	})
}
