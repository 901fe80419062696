package declaration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

var made = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

func declared(pairs ...string) map[string]string {
	out := map[string]string{"example.com/other": "is nobody's business"}
	for i := 0; i < len(pairs); i += 2 {
		out["datagravity.dev/"+pairs[i]] = pairs[i+1]
	}
	return out
}

// What annotations say is what the job is asked for with.
func TestRead(t *testing.T) {
	j, err := Read("lab/team/train/1", declared("dataset", "c4@1A2B3C", "shards", "train-{0..9}.tar\n\n range:5-9 \n", "destination", "lab, rack",
		"need-by", "+4h", "priority", " 7 ", "snapshot", "old", "url", "old", "release", "true"), made)
	if err != nil {
		t.Fatal(err)
	}
	if j.ID != "lab/team/train/1" || j.Dataset != "c4" || j.Snapshot != "1a2b3c" || strings.Join(j.Shards, "|") != "train-{0..9}.tar|range:5-9" ||
		strings.Join(j.To, "|") != "lab|rack" || j.NeedBy != spec.By(made.Add(4*time.Hour)) || j.Priority != 7 || j.OnSourceChange != spec.Fail {
		t.Errorf("%+v", j)
	}
	if least, err := Read("a", declared("dataset", "c4", "destination", "lab"), made); err != nil || least.NeedBy.Known() || len(least.Shards) != 0 {
		t.Errorf("%+v, %v", least, err)
	}
}

// Each mistake is named by its annotation, and says what to do.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		what  string
		said  map[string]string
		wants []string
	}{
		{"nothing but a priority", declared("priority", "5"), []string{"datagravity.dev/dataset: is missing", "datagravity.dev/destination: is missing"}},
		{"a word that is near", declared("dataset", "c4", "destination", "lab", "shard", "a"), []string{"datagravity.dev/shard: no such annotation; did you mean datagravity.dev/shards?"}},
		{"a word that is far", declared("dataset", "c4", "destination", "lab", "budget", "a"), []string{"datagravity.dev/budget: no such annotation; known: datagravity.dev/dataset"}},
		{"emptiness", declared("dataset", " ", "destination", "lab"), []string{"datagravity.dev/dataset: is empty"}},
		{"several", declared("dataset", "c4@xyz", "destination", "lab,lab", "need-by", "soon", "priority", "high"),
			[]string{"datagravity.dev/dataset: ", "datagravity.dev/destination: ", "datagravity.dev/need-by: ", "datagravity.dev/priority: "}},
		{"a time without zone", declared("dataset", "c4", "destination", "lab", "need-by", "2026-12-01 08:00"), []string{"datagravity.dev/need-by: ", "has no zone"}},
		{"a time before the object", declared("dataset", "c4", "destination", "lab", "need-by", "2026-12-01T07:00:00Z"), []string{"datagravity.dev/need-by: ", "was over before"}},
		{"a term that is none", declared("dataset", "c4", "destination", "lab", "shards", "range:9-5"), []string{"datagravity.dev/shards: "}},
		{"a pipe", declared("dataset", "c4", "destination", "lab", "shards", "pipe:cat x"), []string{"datagravity.dev/shards: "}},
	} {
		_, err := Read("id", c.said, made)
		if !errors.Is(err, ErrDeclaration) {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: want %q in\n%v", c.what, want, err)
			}
		}
	}
}

// Templates that ask for the same are one job, those that ask for nothing none, and each job has an id of its own.
func TestTemplates(t *testing.T) {
	o := Owner{Cluster: "lab", Namespace: "team", Name: "train", UID: "01234567-89ab-cdef-0123-456789abcdef", Since: made}
	c4, pile := declared("dataset", "c4", "destination", "lab"), declared("dataset", "pile", "destination", "lab")
	again := declared("dataset", "c4", "destination", "lab", "snapshot", "written by us")
	n, err := Of(o, []Template{{"head", nil}, {"a", c4}, {"b", pile}, {"c", again}, {"d", map[string]string{"x": "y"}}})
	if err != nil || len(n.Jobs) != 2 || len(n.Of) != 3 || n.Of["a"] != 0 || n.Of["b"] != 1 || n.Of["c"] != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	if n.Jobs[0].ID != "lab/team/train/0123456789ab" || n.Jobs[1].ID != "lab/team/train/0123456789ab.2" {
		t.Errorf("%s %s", n.Jobs[0].ID, n.Jobs[1].ID)
	}
	_, err = Of(o, []Template{{"a", c4}, {"b", declared("dataset", "c4")}})
	if err == nil || !strings.Contains(err.Error(), `pods "b": datagravity.dev/destination`) || !errors.Is(err, ErrDeclaration) {
		t.Errorf("%v", err)
	}
}

// Whatever an object is called, its job's id can be one, and tells it from another object of the name.
func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Owner{
			Cluster:   rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,30}`).Draw(t, "cluster"),
			Namespace: rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`).Draw(t, "namespace"),
			Name:      rapid.StringMatching(`[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?`).Draw(t, "name"),
			UID:       rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "uid"),
		}
		n := rapid.IntRange(0, 7).Draw(t, "n")
		id := o.id(n)
		if !jobs.ValidName(id) || !strings.HasPrefix(id, Prefix(o.Cluster, o.Namespace)) {
			t.Fatalf("%q", id)
		}
		other := o
		other.UID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
		if other.UID != o.UID && !strings.HasPrefix(o.UID, "ffffffff-fff") && other.id(n) == id || o.id(n+1) == id {
			t.Fatalf("%q is another's too", id)
		}
	})
}

// Pods learn the snapshot, and the first URL that there is.
func TestFound(t *testing.T) {
	got := Found(dispatch.Status{Snapshot: "abc", Places: []dispatch.Place{{}, {URL: "s3://b/x/"}, {URL: "gs://c/"}}})
	if len(got) != 2 || got[Snapshot] != "abc" || got[URL] != "s3://b/x/" {
		t.Errorf("%v", got)
	}
}
