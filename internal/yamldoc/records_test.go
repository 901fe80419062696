package yamldoc

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// thing is a record of the tests.
type thing struct {
	Name  string    `yaml:"name" required:"true"`
	Count int64     `yaml:"count"`
	Tags  OneOrMore `yaml:"tags"`
	On    bool      `yaml:"on"`
	In    *inner    `yaml:"in"`
}

type inner struct {
	List []string `yaml:"list"`
}

var form = Form{Noun: "thing", List: "things"}

// readAll decodes what a file has: the things, and the mistakes without the file's name.
func readAll(path, text string) (things []thing, mistakes []string) {
	for d, err := range Records(path, []byte(text), form) {
		var v thing
		if err == nil {
			d.Decode(&v)
			if err = d.Err(); err == nil {
				things = append(things, v)
				continue
			}
		}
		mistakes = append(mistakes, strings.Split(err.Error(), "\n")...)
	}
	for i, m := range mistakes {
		mistakes[i] = strings.TrimPrefix(m, path+":")
	}
	return things, mistakes
}

func TestRecords(t *testing.T) {
	want := []thing{
		{Name: "a", Count: math.MaxInt64, Tags: OneOrMore{"x"}},
		{Name: "b", Count: -3, Tags: OneOrMore{"x", "y"}, On: true, In: &inner{List: []string{"1", "2.50"}}},
	}
	for path, text := range map[string]string{
		"a.yaml":  "things:\n- {name: a, count: 9223372036854775807, tags: x}\n- {name: b, count: -3, tags: [x, y], on: true, in: {list: [1, 2.50]}}\n",
		"b":       "name: a\ncount: 9223372036854775807\ntags: x\n---\n&doc\nname: b\ncount: -3\ntags: [x, y]\non: true\nin: {list: [1, 2.50]}\n",
		"a.json":  `{"things": [{"name": "a", "count": 9223372036854775807, "tags": "x"}, {"name": "b", "count": -3, "tags": ["x", "y"], "on": true, "in": {"list": [1, 2.50]}}]}`,
		"b.jsonl": "{\"name\": \"a\", \"count\": 9223372036854775807, \"tags\": \"x\"}\n{\"name\": \"b\", \"count\": -3, \"tags\": [\"x\", \"y\"], \"on\": true, \"in\": {\"list\": [1, 2.50]}}\n",
	} {
		got, mistakes := readAll(path, text)
		if diff := cmp.Diff(want, got); diff != "" || mistakes != nil {
			t.Errorf("%s: %v, -want +have:\n%s", path, mistakes, diff)
		}
	}
}

// TestFlowIsJSON: the same text has the same mistakes at the same places, whether it is read as YAML or as JSON.
func TestFlowIsJSON(t *testing.T) {
	for _, text := range []string{
		`{"name": ["a"], "count": "high", "tags": [null, true, {"x": 1}], "on": 1, "in": {"list": "x", "list": [], "other": null}}`,
		`{"things": [{"name": "a"}, {"nam": "b"}, 7, "x", {"name": "ä", "count": 1.5}, {}]}`,
		"{\"things\": [\n{\"name\":\n\"a\", \"in\": {\"list\":\n[\"$" + "{HOME}\"]}}],\n\"x\": 1}",
		`{"name": "", "count": 9223372036854775808}`,
		`[1]`,
		`{"things": "x"}`,
	} {
		things, mistakes := readAll("x.yaml", text)
		jsonThings, jsonMistakes := readAll("x.json", text)
		if diff := cmp.Diff(things, jsonThings); diff != "" {
			t.Errorf("%s\n-YAML +JSON:\n%s", text, diff)
		}
		slices.Sort(mistakes) // what is beside a list comes before it in YAML, after it in JSON
		slices.Sort(jsonMistakes)
		if diff := cmp.Diff(mistakes, jsonMistakes); diff != "" || len(mistakes) == 0 {
			t.Errorf("%s\n-YAML +JSON:\n%s", text, diff)
		}
	}
}

// TestRecordsStop: who wants no more gets no more.
func TestRecordsStop(t *testing.T) {
	for path, text := range map[string]string{
		"list.yaml": "things: [{name: a}, {name: b}]", "docs.yaml": "name: a\n---\nname: b\n", "list.json": `{"things": [{"name": "a"}, {"name": "b"}], "x": 1} {}`,
		"values.json": `{"name": "a"} {"name": "b"}`, "a.jsonl": "{}\n{}\n", "wrong.jsonl": "x\nx\n", "beside.yaml": "x: 1\nthings: [{}]\n---\n{}\n",
	} {
		n := 0
		for range Records(path, []byte(text), form) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d records", path, n)
		}
	}
}

// TestJSONPlaces: a place is where the value begins, in characters, whatever the white space.
func TestJSONPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := func(label string) string {
			return rapid.StringOfN(rapid.SampledFrom([]rune(" \t\n")), 0, 4, -1).Draw(t, label)
		}
		before := space("a") + `{` + space("b") + `"name"` + space("c") + `:` + space("d") + `"` +
			rapid.StringOfN(rapid.SampledFrom([]rune("aü€𝄞")), 0, 5, -1).Draw(t, "text") + `"` + space("e") + `,` + space("f")
		last := before[strings.LastIndexByte(before, '\n')+1:]
		line, column := strings.Count(before, "\n")+1, len([]rune(last))+1
		_, mistakes := readAll("x.json", before+`"nme"`+space("g")+":"+space("h")+"[] }")
		if want := fmt.Sprintf("%d:%d: nme: unknown field", line, column); !strings.HasPrefix(mistakes[len(mistakes)-1], want) {
			t.Fatalf("%q\nwant %s", mistakes, want)
		}
	})
}

func TestDocumentPlaces(t *testing.T) {
	for d, err := range Records("x.yaml", []byte("things:\n- name: a\n  in:\n    list: [x]\n"), form) {
		if err != nil {
			t.Fatal(err)
		}
		var v thing
		d.Decode(&v)
		if d.Path() != "x.yaml" || d.Base().String() != "things[0]" {
			t.Errorf("%s, %s", d.Path(), d.Base())
		}
		line, column := d.Place(Field{"in", "list"}.Index(0))
		if line != 4 || column != 12 {
			t.Errorf("%d:%d", line, column)
		}
		if line, _ := d.Place(Field{"tags"}); line != 0 || d.IsSet(Field{"tags"}) {
			t.Error("a field that is not there has a place")
		}
		d.Fail(Field{"in", "list"}, "one")
		d.Wrong(Field{"in", "list"}.Index(0), "an echo of it")
		d.Wrong(Field{"count"}, "two")
		if err := d.Err(); err == nil || err.Error() != "x.yaml:2:3: things[0].count: two\nx.yaml:4:5: things[0].in.list: one" {
			t.Errorf("%v", err)
		}
	}
}

func TestInline(t *testing.T) {
	d, err := Inline(map[string][]string{"name": {"7"}, "count": {"-12"}, "tags": {"x", "y"}, "on": {}}, "a flag")
	if err != nil {
		t.Fatal(err)
	}
	var v thing
	d.Decode(&v)
	if diff := cmp.Diff(thing{Name: "7", Count: -12, Tags: OneOrMore{"x", "y"}}, v); diff != "" || d.Err() != nil {
		t.Errorf("%v, -want +have:\n%s", d.Err(), diff)
	}
	if _, err := Inline(map[string][]string{"x": {"a", "AccountKey=c2VjcmV0"}}, "a flag"); err == nil || !strings.HasPrefix(err.Error(), "x[1]: looks like a secret, and a flag holds none") {
		t.Errorf("a secret: %v", err)
	}
}

// TestAliasesOfLists: a file of some KiB does not become lists of gigabytes.
func TestAliasesOfLists(t *testing.T) {
	long := "[" + strings.Repeat("x,\n", 999) + "x]"
	things, mistakes := readAll("x.yaml", "things:\n- {name: a, tags: &t "+long+"}\n"+strings.Repeat("- {name: b, tags: *t}\n", 150))
	if len(things) != 131 || len(mistakes) != 20 {
		t.Errorf("%d things, %d mistakes", len(things), len(mistakes))
	}
	const want = "1132:13: things[131].tags: with its aliases the file has lists of more than 131072 entries; write out fewer"
	if len(mistakes) > 0 && mistakes[0] != want {
		t.Errorf("%s\nwant %s", mistakes[0], want)
	}
}

func TestErrorsErr(t *testing.T) {
	if err := (Errors{}).Err(); err != nil {
		t.Errorf("no mistakes are %#v", err)
	}
	var several Errors
	if err := (Errors{{Message: "m"}}).Err(); err == nil || errors.As(err, &several) {
		t.Errorf("one is %#v", err)
	}
}
