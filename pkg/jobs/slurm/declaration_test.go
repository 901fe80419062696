package slurm

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDeclaration(t *testing.T) {
	c4 := Declaration{Dataset: "c4", To: []string{"aws"}}
	for comment, want := range map[string]Declaration{
		"datagravity: dataset=c4 to=aws":                                                         c4,
		"datagravity=dataset=c4;to=aws":                                                          c4,
		"third try, datagravity: dataset=c4; to=aws | ask bob":                                   c4,
		"third try datagravity=dataset=c4;to=aws ask bob about it":                               c4,
		"datagravity:dataset=c4\tto=aws\nlines of = whatever":                                    c4,
		"datagravity: dataset='c4' to=\"aws\"":                                                   c4,
		"github.com/datagravity: x=y, datagravity: dataset=c4 to=aws":                            c4,
		"datagravity: dataset=c4 to=aws | datagravity: held by budget \"egress\": 3 USD missing": c4,
		"datagravity: dataset=c4 to=aws | datagravity: held until its data is there | mine":      c4,
		"datagravity: dataset=c4@latest to=aws,gcp to=lab shards=range:0-511 shards='a b|c' shards=\"it's;fine\" need_by=2026-12-01T08:00:00Z " +
			"priority=-3 team=vision keep=720h on-source-change=repin": {
			Dataset: "c4@latest", To: []string{"aws", "gcp", "lab"}, Shards: []string{"range:0-511", "a b|c", "it's;fine"},
			NeedBy: "2026-12-01T08:00:00Z", Priority: -3, Team: "vision", Keep: "720h", OnSourceChange: "repin",
		},
		"datagravity=dataset=c4;shards=train-{00..07}.tar;shards='x y'": {Dataset: "c4", Shards: []string{"train-{00..07}.tar", "x y"}},
		"datagravity: dataset=c4 shards=a=b":                            {Dataset: "c4", Shards: []string{"a=b"}},
	} {
		got, found, err := ParseDeclaration(comment)
		if d := cmp.Diff(want, got); d != "" || !found || err != nil {
			t.Errorf("%q: found %v, %v (-want +got):\n%s", comment, found, err, d)
		}
	}
}

func TestNoDeclaration(t *testing.T) {
	for _, comment := range []string{
		"", "dataset=c4", "see datagravity for this", "mydatagravity: dataset=c4", "../datagravity=1", "a@datagravity: x", "datagravity",
		"datagravity: held by budget \"egress\"", "mine | datagravity: held until its data is there",
	} {
		if d, found, err := ParseDeclaration(comment); found || err != nil {
			t.Errorf("%q: %+v, %v", comment, d, err)
		}
	}
}

func TestBadDeclarations(t *testing.T) {
	bad := map[string]string{
		"datagravity:":                                                     "no dataset",
		"datagravity=":                                                     "no dataset",
		"datagravity: to=aws":                                              "dataset=NAME",
		"datagravity: dataset=c4 shard=x":                                  `no key "shard"`,
		"datagravity: dataset=c4 =x":                                       `no key ""`,
		"datagravity: dataset=c4 shards range:0-511":                       `"shards" is no KEY=VALUE`,
		"datagravity: dataset=c4 please hurry":                             `"please"`,
		"datagravity: dataset=":                                            "dataset has no value",
		"datagravity: dataset=''":                                          "dataset has no value",
		"datagravity: dataset=c4 dataset=c5":                               "dataset is given twice",
		"datagravity: dataset=c4 priority=high":                            "whole number",
		"datagravity: dataset=c4 priority=1 priority=1":                    "priority is given twice",
		"datagravity: dataset=c4 to=aws,,gcp":                              "empty name",
		"datagravity: dataset=\"c4":                                        "not closed",
		"datagravity: dataset='a\x00b'":                                    "not text",
		"datagravity: dataset=a | datagravity: dataset=b":                  "there are two",
		"datagravity: dataset=a team=" + strings.Repeat("x", maxTextBytes): "longer than",
	}
	for comment, want := range bad {
		_, found, err := ParseDeclaration(comment)
		if !found || !errors.Is(err, ErrDeclaration) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: found %v, %v, want %q", comment, found, err, want)
		}
	}
}

func TestDirectives(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   Declaration
		found  bool
		err    string
	}{
		"none":        {script: "#!/bin/sh\n#SBATCH -N1\ndate\n"},
		"empty":       {},
		"another's":   {script: "#BB_LUA pool=fast capacity=3\n#BB_LUAdatagravity dataset=c4\n#BB_LUA datagravityx dataset=c4\n"},
		"behind code": {script: "#!/bin/sh\ndate\n#BB_LUA datagravity dataset=c4\n"},
		"one": {
			script: "#!/bin/sh\r\n\n#SBATCH -N1\n#BB_LUA datagravity dataset=c4@latest to=aws\r\ndate\n",
			want:   Declaration{Dataset: "c4@latest", To: []string{"aws"}}, found: true,
		},
		"two, as in a comment": {
			script: "#BB_LUA\tdatagravity: dataset=c4 to=aws\n# a note\n#BB_LUA datagravity=shards='a|b';shards=val-*",
			want:   Declaration{Dataset: "c4", To: []string{"aws"}, Shards: []string{"a|b", "val-*"}}, found: true,
		},
		"nothing declared":  {script: "#BB_LUA datagravity\n", found: true, err: "no dataset"},
		"unknown key":       {script: "#BB_LUA datagravity datasets=c4\n", found: true, err: `no key "datasets"`},
		"cut by a bar":      {script: "#BB_LUA datagravity dataset=c4 | shards=a\n", found: true, err: "ends it early"},
		"given twice":       {script: "#BB_LUA datagravity dataset=c4\n#BB_LUA datagravity dataset=c4\n", found: true, err: "twice"},
		"beyond the bound":  {script: "#" + strings.Repeat(" ", maxTextBytes) + "\n#BB_LUA datagravity dataset=c4\n"},
		"binary, one line":  {script: strings.Repeat("\x00", 3*maxTextBytes)},
		"comments for ever": {script: strings.Repeat("# x\n", maxTextBytes)},
	} {
		got, found, err := Directives(strings.NewReader(c.script))
		if found != c.found || (err == nil) != (c.err == "") || err != nil && (!errors.Is(err, ErrDeclaration) || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: found %v, %v", name, found, err)
		} else if d := cmp.Diff(c.want, got); err == nil && d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if _, _, err := Directives(&broken{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a script that cannot be read: %v", err)
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, os.ErrClosed }

func FuzzParseDeclaration(f *testing.F) {
	for _, s := range []string{
		"datagravity: dataset=c4@latest to=aws shards=range:0-511", "x datagravity=dataset=c4;to=aws y", "datagravity: dataset='a b' | datagravity: held by x | y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, comment string) {
		d, found, err := ParseDeclaration(comment)
		if err != nil && (!found || !errors.Is(err, ErrDeclaration)) {
			t.Fatalf("found %v, %v", found, err)
		}
		if found && err == nil && d.Dataset == "" {
			t.Fatalf("%+v", d)
		}
		// Our own words, whatever they are, change nothing of what a job declares.
		again, foundAgain, errAgain := ParseDeclaration(withReason(comment, "datagravity: dataset=other to=x | "+comment))
		if foundAgain != found || (err == nil) != (errAgain == nil) || !cmp.Equal(d, again) {
			t.Fatalf("%+v, %v, %v became %+v, %v, %v", d, found, err, again, foundAgain, errAgain)
		}
	})
}

func FuzzDirectives(f *testing.F) {
	f.Add("#!/bin/sh\n#BB_LUA datagravity dataset=c4 to=aws\ndate\n")
	f.Add("#BB_LUA datagravity: dataset=\"a b\"\n#BB_LUA datagravity shards=x;shards=y\n")
	f.Fuzz(func(t *testing.T, script string) {
		d, found, err := Directives(strings.NewReader(script))
		if err != nil && (!found || !errors.Is(err, ErrDeclaration)) {
			t.Fatalf("found %v, %v", found, err)
		}
		if found && err == nil && d.Dataset == "" {
			t.Fatalf("%+v", d)
		}
		if !found && !cmp.Equal(d, Declaration{}) {
			t.Fatalf("not found: %+v", d)
		}
	})
}
