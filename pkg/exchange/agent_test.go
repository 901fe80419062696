package exchange

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func someAgent(name string) Agent {
	return Agent{Name: name, Role: RoleOrigin, Location: "onprem:lab1", Version: "v1.2.3", Time: noon}
}

func TestAgents(t *testing.T) {
	ctx := context.Background()
	s := newSpy()
	if list, err := Agents(ctx, s); err != nil || len(list) != 0 {
		t.Errorf("before any: %v, %v", list, err)
	}
	later := someAgent("lab 1/2")
	later.Time = noon.Add(time.Minute + time.Nanosecond).In(time.FixedZone("", 3600))
	for _, a := range []Agent{someAgent("lab 1/2"), someAgent("edge"), later} {
		if err := Beat(ctx, s, a); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Agents(ctx, s)
	if err != nil || len(list) != 2 || list[0].Name != "edge" || !list[1].Time.Equal(noon.Add(time.Minute)) || list[0].Role != RoleOrigin {
		t.Errorf("%+v, %v", list, err)
	}

	// One that is bad hides no other and is named.
	key := agentKey("lab 1/2")
	good := content(t, s, key)
	for name, c := range map[string]struct{ key, text, want string }{
		"empty":             {key, "", "has 0 bytes"},
		"large":             {key, string(good) + strings.Repeat(" ", maxDocumentBytes), "a heartbeat has"},
		"damaged":           {key, strings.Replace(string(good), "v1.2.3", "v1.2.4", 1), "damaged"},
		"newer":             {key, strings.Replace(string(good), ":1,", ":2,", 1), "use a newer one"},
		"another's":         {agentKey("other"), string(good), `is about agent "lab 1/2"`},
		"another spelling":  {agentsPrefix + "lab%201%2f2.json", string(good), "is about agent"},
		"no JSON":           {key, "[", "malformed"},
		"JSON of no object": {key, "7", "names no version"},
	} {
		overwrite(t, s, c.key, []byte(c.text))
		list, err := Agents(ctx, s)
		if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), c.want) || len(list) == 0 || list[0].Name != "edge" {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
		_ = s.Delete(ctx, keys(t, s, c.key)[0].Ref())
		overwrite(t, s, key, good)
	}
	overwrite(t, s, agentsPrefix+"README", []byte("not ours"))
	if list, err = Agents(ctx, s); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestHeartbeatsThatAreNotWritten(t *testing.T) {
	for want, change := range map[string]func(*Agent){
		"names no agent":        func(a *Agent) { a.Name = "" },
		"is no name":            func(a *Agent) { a.Name = ".." },
		"the most is":           func(a *Agent) { a.Name = strings.Repeat("a", maxNameBytes+1) },
		"cannot be printed":     func(a *Agent) { a.Location = "\x1b[2J" },
		"name of the agent":     func(a *Agent) { a.Name = "a\xff" },
		"has the role \"boss\"": func(a *Agent) { a.Role = "boss" },
		"its time is none":      func(a *Agent) { a.Time = time.Time{} },
	} {
		a := someAgent("a")
		change(&a)
		if err := Beat(context.Background(), newSpy(), a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Documents have one spelling: what is read is written as the same bytes.
func TestDocumentsHaveOneSpelling(t *testing.T) {
	ref, text, err := someReference().encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeReference(text, "c4"); err != nil || !cmp.Equal(got, ref) {
		t.Fatalf("%+v, %v", got, err)
	}
	// Also where the checksum is right.
	for name, change := range map[string]func(*Reference){
		"sequence 0":       func(r *Reference) { r.Sequence = 0 },
		"no bytes":         func(r *Reference) { r.Bytes = 0 },
		"too many bytes":   func(r *Reference) { r.Bytes = maxPublicationBytes + 1 },
		"no snapshot":      func(r *Reference) { r.Snapshot[0], r.Snapshot = 0, [32]byte{} },
		"another dataset":  func(r *Reference) { r.Dataset = "c5" },
		"another kind":     func(r *Reference) { r.Kind = agentKind },
		"another version":  func(r *Reference) { r.Datagravity = 0 },
		"no agent":         func(r *Reference) { r.Agent = "" },
		"another zone":     func(r *Reference) { r.Time = noon.In(time.FixedZone("", 3600)) },
		"parts of seconds": func(r *Reference) { r.Time = noon.Add(time.Millisecond) },
	} {
		r := someReference()
		change(&r)
		b, err := seal(&r, &r.Check)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeReference(b, "c4"); err == nil {
			t.Errorf("%s: read %+v", name, got)
		}
	}
	// The checksum is of the values, so that another spelling of them has the same one; it is refused for itself.
	for _, b := range []string{
		" " + string(text), strings.Replace(string(text), `"sequence":7`, `"sequence":7.0`, 1), strings.Replace(string(text), `"sequence":7`, `"sequence":8,"sequence":7`, 1),
		strings.Replace(string(text), `"sequence"`, `"Sequence"`, 1), strings.Replace(string(text), `c4`, `\u00634`, 1), strings.TrimSpace(string(text)),
		strings.Replace(string(text), "{", `{"new":1,`, 1),
	} {
		if got, err := decodeReference([]byte(b), "c4"); err == nil {
			t.Errorf("read %s as %+v", b, got)
		}
	}
}

func someReference() Reference {
	return Reference{
		Datagravity: version, Kind: referenceKind, Dataset: "c4", Sequence: 7, Snapshot: someDigest("snapshot", 0), Publication: someDigest("publication", 0), Bytes: 5,
		Agent: "lab-1", Time: noon,
	}
}
