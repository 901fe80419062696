package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

const someID = "00112233445566778899aabbccddeeff"

func someWant() Want {
	return Want{
		ID: someID, Edge: "edge 1/2", Dataset: "c4", Snapshot: someDigest("snapshot", 0), Base: someDigest("base", 0),
		Time: noon, Expires: noon.Add(6 * time.Hour), Missing: []Run{{0, 0, 3}, {0, 3, 1}, {2, 7, 100}, {math.MaxUint32, math.MaxUint32, 1}},
	}
}

// sealedWant is someWant as Ask completes it.
func sealedWant(t tester) (Want, []byte) {
	t.Helper()
	w := someWant()
	w.Datagravity, w.Kind = version, wantKind
	b, err := w.encode()
	if err != nil {
		t.Fatal(err)
	}
	return w, b
}

// storeAt has a clock of its own.
func storeAt(now *time.Time) *mem.Store {
	return mem.New(mem.Options{Now: func() time.Time { return *now }})
}

func ask(t tester, w Writer, want Want) {
	t.Helper()
	if err := Ask(context.Background(), w, want); err != nil {
		t.Fatal(err)
	}
}

func asked(t tester, l Lister, now time.Time, dataset string) []Want {
	t.Helper()
	list, err := Wants(context.Background(), l, now, dataset)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// drawWant is any want that can be asked.
func drawWant(t *rapid.T) Want {
	name := rapid.StringOfN(rapid.RuneFrom([]rune(`aZ9 ./%\"[]{}<&é,:missing`)), 1, 20, maxNameBytes).Filter(func(s string) bool { return checkName("", s) == nil })
	w := Want{
		ID: rapid.StringMatching("[0-9a-f]{32}").Draw(t, "id"), Edge: name.Draw(t, "edge"), Dataset: name.Draw(t, "dataset"),
		Snapshot: someDigest("snapshot", rapid.Int().Draw(t, "snapshot")), Time: noon.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "time"))),
	}
	w.Expires = w.Time.Add(time.Duration(rapid.Int64Range(2e9, int64(MaxLifetime-time.Second)).Draw(t, "life")))
	if rapid.Bool().Draw(t, "base") {
		w.Base = someDigest("base", 1)
	}
	var shard, first uint64
	for range rapid.IntRange(0, 200).Draw(t, "runs") {
		if skip := rapid.Uint64Range(0, 3).Draw(t, "skip"); skip > 0 {
			shard, first = shard+skip, 0
		}
		first += rapid.Uint64Range(0, 1<<30).Draw(t, "gap")
		count := rapid.Uint64Range(1, 1<<30).Draw(t, "count")
		if first+count > 1<<32 {
			break
		}
		w.Missing = append(w.Missing, Run{uint32(shard), uint32(first), uint32(count)})
		first += count
	}
	return w
}

func TestAnyWant(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		s, w := newSpy(), drawWant(t)
		ask(t, s, w)
		ask(t, s, w) // the answer was lost
		w.Datagravity, w.Kind, w.Time, w.Expires = version, wantKind, wholeSeconds(w.Time), wholeSeconds(w.Expires)
		list := asked(t, s, w.Time, w.Dataset)
		if len(list) != 1 {
			t.Fatalf("%d wants", len(list))
		}
		if d := cmp.Diff(w, list[0], cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Want{}, "Check")); d != "" {
			t.Fatal(d)
		}
		other := w
		other.Missing = append([]Run(nil), Run{5, 5, 5})
		if err := Ask(ctx, s, other); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("wrote over another want: %v", err)
		}
	})
}

// The text is the one that every other document has, and its seal as well.
func TestWantIsSealedAsDocumentsAre(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := drawWant(r)
		w.Missing = append([]Run{}, w.Missing[:min(len(w.Missing), 100)]...)
		w.Datagravity, w.Kind, w.Time, w.Expires = version, wantKind, wholeSeconds(w.Time), wholeSeconds(w.Expires)
		b, err := w.encode()
		if err != nil {
			r.Fatal(err)
		}
		same := w
		text, err := seal(&same, &same.Check)
		if err != nil || !bytes.Equal(text, unpacked(t, b)) || same.Check != w.Check {
			r.Fatalf("%s\n%s\n%v", text, unpacked(t, b), err)
		}
		var read Want
		if err := unseal(text, wantKind, &read, &read.Check); err != nil || !cmp.Equal(read, w) {
			r.Fatalf("%v\n%s", err, cmp.Diff(read, w))
		}
	})
}

func TestWants(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	w := someWant()
	ask(t, s, w)
	pile, second := w, w
	pile.ID, pile.Dataset = strings.Repeat("1", 32), "pile"
	second.ID, second.Expires = strings.Repeat("2", 32), noon.Add(time.Hour)
	ask(t, s, pile)
	ask(t, s, second)
	overwrite(t, s, wantsPrefix+"README", []byte("not ours"))
	ids := func(at time.Time, dataset string) string {
		t.Helper()
		var list []string
		for _, w := range asked(t, s, at, dataset) {
			list = append(list, w.ID[:1])
		}
		return strings.Join(list, "")
	}
	for _, c := range []struct {
		at            time.Time
		dataset, want string
	}{
		{noon, "c4", "02"},
		{noon, "pile", "1"},
		{noon, "other", ""},
		{noon.Add(-futureMost), "c4", "02"},
		{noon.Add(time.Hour + clockSkew), "c4", "02"}, // the edge's clock may be slow
		{noon.Add(time.Hour + clockSkew + time.Second), "c4", "0"},
		{noon.Add(6*time.Hour + clockSkew), "c4", "0"},
		{noon.Add(6*time.Hour + clockSkew + 1), "c4", ""},
	} {
		if got := ids(c.at, c.dataset); got != c.want {
			t.Errorf("at %s for %s: %q, want %q", c.at, c.dataset, got, c.want)
		}
	}
	if list, err := Wants(ctx, s, noon.Add(-futureMost-time.Second), "c4"); len(list) != 0 || !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "look at the clocks") {
		t.Errorf("wants of the future: %v, %v", list, err)
	}
	a := someAnswer()
	if err := Reply(ctx, s, a); err != nil {
		t.Fatal(err)
	}
	if got := ids(noon, "c4"); got != "2" {
		t.Errorf("one is answered: %q", got)
	}
	overwrite(t, s, a.corner().answerKey(), []byte("damaged"))
	if got := ids(noon, "c4"); got != "2" {
		t.Errorf("one is answered, the edge sees that the answer is damaged: %q", got)
	}
	if _, err := Wants(ctx, s, noon, ".."); err == nil {
		t.Error("read those of no dataset")
	}
}

// One that is bad hides no other and is named.
func TestBadWants(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	ask(t, s, someWant())
	_, good := sealedWant(t)
	text := string(unpacked(t, good))
	resealed := func(change func(*Want)) []byte {
		w := someWant()
		w.Datagravity, w.Kind = version, wantKind
		change(&w)
		b, err := seal(&w, &w.Check)
		if err != nil {
			t.Fatal(err)
		}
		return packed(t, b)
	}
	replaced := func(old, new string) []byte {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in %s", old, text)
		}
		return packed(t, []byte(strings.Replace(text, old, new, 1)))
	}
	self := corner{"edge 1/2", strings.Repeat("f", 32)}
	mine := func(w *Want) { w.ID = self.id }
	for name, c := range map[string]struct {
		b         []byte
		key, want string
	}{
		"empty":            {b: nil, want: "it has 0 bytes"},
		"no zstd":          {b: []byte("{}"), want: "malformed"},
		"no JSON":          {b: packed(t, []byte("[")), want: "malformed"},
		"no text":          {b: packed(t, nil), want: "malformed"},
		"cut short":        {b: packed(t, []byte(text[:len(text)-9])), want: "cut short"},
		"more":             {b: packed(t, []byte(text+"\n")), want: "more behind its end"},
		"another check":    {b: replaced("[2,7,100]", "[2,7,101]"), want: "checksum does not match"},
		"newer":            {b: replaced(`"datagravity":1`, `"datagravity":2`), want: "use a newer one"},
		"newer, no runs":   {b: packed(t, []byte(`{"datagravity":2}`+"\n")), want: "use a newer one"},
		"version 0":        {b: replaced(`"datagravity":1`, `"datagravity":0`), want: "version 0"},
		"another kind":     {b: replaced(`"want"`, `"answer"`), want: "it is no want"},
		"space":            {b: replaced(`"id":`, `"id": `), want: "not written as this version"},
		"another field":    {b: replaced(`"id":`, `"x":1,"id":`), want: "not written as this version"},
		"space in a run":   {b: replaced("[0,0,3]", "[0, 0,3]"), want: "malformed"},
		"leading zero":     {b: replaced("[0,0,3]", "[0,0,03]"), want: "malformed"},
		"exponent":         {b: replaced("[2,7,100]", "[2,7,1e2]"), want: "malformed"},
		"no number":        {b: replaced("[0,0,3]", "[0,,3]"), want: "malformed"},
		"two numbers":      {b: replaced("[0,0,3]", "[0,3]"), want: "malformed"},
		"four numbers":     {b: replaced("[0,0,3]", "[0,0,3,4]"), want: "malformed"},
		"large number":     {b: replaced("[0,0,3]", "[0,0,4294967296]"), want: "malformed"},
		"comma at the end": {b: replaced("]],", "],],"), want: "malformed"},
		"no check":         {b: replaced(text[strings.Index(text, `,"check"`):len(text)-2], ""), want: "malformed"},
		"empty check":      {b: replaced(text[len(text)-74:len(text)-3], ""), want: "cut short"},
		"zero check":       {b: replaced(text[len(text)-67:len(text)-3], strings.Repeat("0", 64)), want: "no checksum"},
		"null":             {b: replaced(text[strings.Index(text, "[["):strings.Index(text, `,"check"`)], "null"), want: "malformed"},
		"another id":       {b: good, want: "it is want " + someID},
		"another edge":     {b: resealed(mine), key: corner{"other", self.id}.wantKey(), want: `of edge "edge 1/2"`},
		"another spelling": {b: good, key: wantsPrefix + "edge%201%2f2/" + someID + wantSuffix, want: "its key is not"},
		"no id":            {b: good, key: wantsPrefix + "a/" + someID[1:] + wantSuffix, want: "its key is not"},
		"upper case":       {b: good, key: wantsPrefix + "a/" + strings.ToUpper(someID) + wantSuffix, want: "its key is not"},
		"count 0":          {b: resealed(func(w *Want) { mine(w); w.Missing[1].Count = 0 }), want: "run 2 has no chunks"},
		"overlap":          {b: resealed(func(w *Want) { mine(w); w.Missing[1].First = 2 }), want: "run 2 is not behind"},
		"descending":       {b: resealed(func(w *Want) { mine(w); slices.Reverse(w.Missing) }), want: "run 2 is not behind"},
		"behind 2^32":      {b: resealed(func(w *Want) { mine(w); w.Missing[3].Count = 2 }), want: "ends behind chunk 2^32"},
		"no snapshot":      {b: resealed(func(w *Want) { mine(w); w.Snapshot = chunker.Digest{} }), want: "no snapshot"},
		"no dataset":       {b: resealed(func(w *Want) { mine(w); w.Dataset = "" }), want: "names no dataset"},
		"expired at once":  {b: resealed(func(w *Want) { mine(w); w.Expires = w.Time }), want: "want later"},
		"never expires":    {b: resealed(func(w *Want) { mine(w); w.Expires = w.Time.Add(MaxLifetime + time.Second) }), want: "want later"},
		"fractions":        {b: resealed(func(w *Want) { mine(w); w.Time = w.Time.Add(1) }), want: "whole seconds"},
		"zone":             {b: resealed(func(w *Want) { mine(w); w.Time = w.Time.In(time.FixedZone("", 3600)) }), want: "UTC"},
		"future":           {b: resealed(func(w *Want) { mine(w); w.Time = noon.Add(25 * time.Hour); w.Expires = w.Time.Add(time.Hour) }), want: "clocks"},
		"bomb":             {b: packed(t, bytes.Repeat([]byte("["), 1<<20)), want: "malformed"},
	} {
		key := c.key
		if key == "" {
			key = self.wantKey()
		}
		overwrite(t, s, key, c.b)
		list, err := Wants(ctx, s, noon, "c4")
		if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), c.want) || len(list) != 1 || list[0].ID != someID {
			t.Errorf("%s: %d wants, %v", name, len(list), err)
		}
		if strings.HasPrefix(name, "newer") != errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Delete(ctx, store.Ref{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	big := &sized{s, self.wantKey(), maxWantBytes + 1}
	overwrite(t, s, self.wantKey(), good)
	if list, err := Wants(ctx, big, noon, "c4"); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "a want has") || len(list) != 1 {
		t.Errorf("%d wants, %v", len(list), err)
	}
}

// sized tells another size of an object.
type sized struct {
	*mem.Store
	key string
	n   int64
}

func (s *sized) Head(ctx context.Context, key string) (store.Object, error) {
	o, err := s.Store.Head(ctx, key)
	if key == s.key {
		o.Size = s.n
	}
	return o, err
}

func TestWantsThatAreNotWritten(t *testing.T) {
	for want, change := range map[string]func(*Want){
		"names no edge":       func(w *Want) { w.Edge = "" },
		"is no name":          func(w *Want) { w.Dataset = ".." },
		"lower-case":          func(w *Want) { w.ID = strings.ToUpper(w.ID) },
		"hex digits":          func(w *Want) { w.ID = "../../x" + w.ID[7:] },
		"no snapshot":         func(w *Want) { w.Snapshot = chunker.Digest{} },
		"its time is none":    func(w *Want) { w.Time = time.Time{} },
		"want later":          func(w *Want) { w.Expires = w.Time.Add(time.Nanosecond) },
		"run 1 has no chunks": func(w *Want) { w.Missing = []Run{{}} },
		"more than 4194304":   func(w *Want) { w.Missing = manyRuns(maxRuns + 1) },
	} {
		w, s := someWant(), newSpy()
		change(&w)
		if err := Ask(context.Background(), s, w); err == nil || !strings.Contains(err.Error(), want) || len(s.written) != 0 {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func manyRuns(n int) []Run {
	list := make([]Run, n)
	for i := range list {
		d := uint32(i) * 2654435761
		list[i] = Run{uint32(i) * 1000, d, max(1, (1<<31+d*48271)%(math.MaxUint32-d|1))}
	}
	return list
}

// The most runs, of many digits, are within the limits of both sizes.
func TestLargestWant(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds")
	}
	s, w := newSpy(), someWant()
	w.Missing = manyRuns(maxRuns)
	ask(t, s, w)
	list := asked(t, s, noon, "c4")
	if len(list) != 1 || !slices.Equal(list[0].Missing, w.Missing) {
		t.Errorf("%d wants", len(list))
	}
	t.Logf("%d bytes", s.writtenBytes())
}

// damages are all ways in which one bit, or the length, can be another one.
func damages(good []byte, try func(what string, b []byte)) {
	for i := range good {
		for bit := range 8 {
			b := slices.Clone(good)
			b[i] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d", bit, i), b)
		}
		try(fmt.Sprintf("%d bytes", i), good[:i])
	}
	try("a byte more", append(slices.Clone(good), 0))
	try("a line feed more", append(slices.Clone(good), '\n'))
	try("twice", append(slices.Clone(good), good...))
}

// No damage makes another want of one. A few bits of a zstd frame mean nothing, such as how much memory it asks for: with another one
// there the text is the same, and its seal proves that.
func TestDamagedWants(t *testing.T) {
	now := noon
	s := storeAt(&now)
	w, good := sealedWant(t)
	same, all := 0, 0
	damages(good, func(what string, b []byte) {
		all++
		overwrite(t, s, w.corner().wantKey(), b)
		list, err := Wants(context.Background(), s, noon, "c4")
		if err == nil && len(list) == 1 && cmp.Equal(list[0], w) && strings.HasPrefix(what, "bit") {
			same++
			return
		}
		if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), w.corner().wantKey()) || len(list) != 0 {
			t.Errorf("%s: %v, %v", what, list, err)
		}
	})
	if same > 16 {
		t.Errorf("%d of %d damages were not noticed", same, all)
	}
	// Of the text every one is.
	damages(unpacked(t, good), func(what string, b []byte) {
		if w, err := decodeWant(stored(b)); err == nil {
			t.Errorf("%s: %+v", what, w)
		}
	})
}

func TestRunJSON(t *testing.T) {
	b, err := json.Marshal([]Run{{1, 2, 3}, {0, 0, math.MaxUint32}})
	if err != nil || string(b) != "[[1,2,3],[0,0,4294967295]]" {
		t.Errorf("%s, %v", b, err)
	}
	for _, text := range []string{"[1,2]", "[1,2,3,4]", "{}", "null", "[1,2,-3]", "[1,2,4294967296]"} {
		var r Run
		if err := json.Unmarshal([]byte(text), &r); err == nil && text != "null" {
			t.Errorf("%s: %v", text, r)
		}
	}
}

// FuzzWantText reads any text, whatever its check is: it fails, or is what is written as the same text.
func FuzzWantText(f *testing.F) {
	_, good := sealedWant(f)
	f.Add(unpacked(f, good))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := parseWant(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := w.body(&again); err != nil {
			t.Fatal(err)
		}
		again.WriteString(checkField + w.Check.String() + `"` + endText)
		if !bytes.Equal(again.Bytes(), text) || w.check() != nil {
			t.Errorf("read\n%q\nas\n%q", text, again.Bytes())
		}
	})
}

// FuzzWant reads any bytes as a want.
func FuzzWant(f *testing.F) {
	_, good := sealedWant(f)
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := decodeWant(b)
		if err != nil {
			return
		}
		again, err := w.encode()
		if err != nil || !bytes.Equal(unpacked(t, again), unpacked(t, b)) {
			t.Errorf("believed %+v", w)
		}
	})
}
