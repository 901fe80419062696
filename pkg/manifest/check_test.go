package manifest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// whole writes records of every kind that fit together, enough for branches.
func whole(t testing.TB, m *Manifest, n int) {
	t.Helper()
	storeAndPut(t, m, recipeOf(t, "one"), recipeOf(t, "two"))
	snapshot := digest("snapshot")
	paths := []string{"a", "b"}
	update(t, m, func(tx *Tx) error {
		if err := errors.Join(putSnapshot(tx, snapshot, "c4", shards(n, "x")), tx.PutPaths(PathsID(paths, nil), paths, nil)); err != nil {
			return err
		}
		for i := range n {
			name := fmt.Sprintf("shard-%05d", i)
			window, meter := WindowID("budget"+name, "2026-11"), MeterID("pool"+name, "2026-11")
			line := LineKey{Month: "2026-11", Dataset: "c4", Path: name, Activity: "transfer"}
			id, err := tx.NextReservation()
			_, alertErr := tx.PutAlert(Alert{Budget: name})
			err = errors.Join(err, alertErr,
				tx.PutDataset(Dataset{Name: name, Latest: snapshot}), tx.PutFact("c4", Fact{Path: name, Size: int64(i)}),
				tx.PutReplica(Replica{Store: "lab", Key: name, Shard: digest(name), Size: int64(i), ETag: strings.Repeat("e", 30)}),
				tx.PutTransfer(Transfer{ID: name, Size: int64(i)}), tx.PutPart(name, Part{Number: 1, CV: make([]byte, 32)}), tx.PutPart(name, Part{Number: 2}),
				tx.PutJob(Job{ID: name, Snapshot: snapshot, Paths: PathsID(paths, nil), Ranges: Spans(nil).AppendSpan(0, 0, uint32(n))}),
				tx.PutNeed(Need{ID: name, Snapshot: snapshot, Ready: 1, Paths: PathsID(paths, nil), Job: name}), tx.PutLine(Line{LineKey: line, Bytes: int64(i)}),
				tx.PutPin(Pin{Owner: name, Dataset: "c4", Destination: "lab", Snapshot: snapshot}),
				tx.PutWindow(window, Window{SettledBytes: int64(i), ReservedBytes: int64(i + 1), ReservedNanoUSD: 7}), tx.PutMeter(meter, Meter{ReservedBytes: int64(i + 1)}),
				tx.PutReservation(Open{ID: id, Bytes: int64(i + 1), NanoUSD: 7, Windows: []string{window}, Meter: meter}),
				tx.PutSpent("budget", Day, name, Spent{Bytes: 1}), tx.PutApproval(Approval{ID: name}), tx.PutDoubt(Doubt{ID: name}), tx.PutReset(Reset{ID: name}),
				tx.PutTimer(Timer{Name: name}), tx.PutNotice(Notice{Target: "t", ID: name}), tx.PutNoticed(Noticed{Kind: "job", Name: name}),
				tx.PutSpeed(Speed{Source: name, Destination: "lab"}), tx.PutHeldGrant(HeldGrant{ID: name}), tx.PutGivenGrant(GivenGrant{ID: name, Edge: "e"}),
			)
			if err != nil {
				return err
			}
		}
		return nil
	})
	update(t, m, func(tx *Tx) error {
		e, err := tx.AddBilled(Billed{Month: "2026-11", Kind: KindCredit})
		return errors.Join(err, m.Journal().Append(e))
	})
}

// everything is what a file says, by bucket and key.
func everything(t testing.TB, path string) map[string]string {
	t.Helper()
	m, err := openToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.CloseCopy()
	out := map[string]string{}
	view(t, m, func(tx *Tx) error {
		names, err := tx.bucketNames()
		for _, name := range names {
			_, oneErr := tx.eachStored(name, func(k, v []byte, problem error) error {
				out[name+"/"+string(k)] = string(v)
				return problem
			})
			err = errors.Join(err, oneErr)
		}
		return err
	})
	return out
}

func mustCheck(t testing.TB, dir string, o CheckOptions) Checked {
	t.Helper()
	c, err := CheckDir(context.Background(), dir, Options{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheckOfASoundManifest(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{Program: "v1"})
	whole(t, m, 500)
	live, err := m.Check(context.Background(), CheckOptions{Packs: true})
	if err != nil || !live.Sound() || live.Lost != 0 {
		t.Errorf("open: %+v, %v", live.Findings, err)
	}
	closeIt(t, m)
	c := mustCheck(t, dir, CheckOptions{Packs: true})
	if !c.Sound() || c.Lost != 0 || c.Schema != SchemaVersion || c.Writer != "v1" || c.Packs != 1 || !c.PacksRead || c.All == 0 || c.JournalEntries != 1 {
		t.Errorf("%+v", c)
	}
	records := map[string]int64{}
	for _, b := range c.Buckets {
		records[b.Name] = b.Records
	}
	for _, name := range buckets {
		if records[name] == 0 && name != "marks" {
			t.Errorf("the test has nothing in %s", name)
		}
	}
}

// Every page that is used is zeroed once, and bits are flipped all over the file: what a check passes over says the same as before.
func TestCheckFindsDamage(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	whole(t, m, 70)
	for i := range 8 { // some churn, for a list of free pages and pages out of order
		update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: fmt.Sprintf("shard-%05d", i*8), Bytes: int64(i)}) })
	}
	closeIt(t, m)
	path := filepath.Join(dir, "manifest.db")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := everything(t, path)
	if c := mustCheck(t, dir, CheckOptions{}); !c.Sound() {
		t.Fatalf("%+v", c.Findings)
	}
	try := func(what string, damage func(b []byte)) (found bool) {
		t.Helper()
		b := append([]byte(nil), sound...)
		damage(b)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := mustCheck(t, dir, CheckOptions{})
		if !c.Sound() || c.Lost > 0 {
			return true
		}
		have := everything(t, path)
		for k, v := range want {
			if have[k] != v {
				t.Fatalf("%s: a check passes over it, and %q says something else", what, k)
			}
		}
		if len(have) != len(want) {
			t.Fatalf("%s: a check passes over it, and %d records are there, not %d", what, len(have), len(want))
		}
		return false
	}
	const page = 4096
	zeroed := 0
	for at := 0; at+page <= len(sound); at += page {
		if try(fmt.Sprintf("page %d zeroed", at/page), func(b []byte) { clear(b[at:][:page]) }) {
			zeroed++
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	flipped, flips := 0, 400
	for range flips {
		at, bit := rnd.IntN(len(sound)), rnd.IntN(8)
		if try(fmt.Sprintf("byte %d", at), func(b []byte) { b[at] ^= 1 << bit }) {
			flipped++
		}
	}
	heads := 0
	for at := 0; at+page <= len(sound); at += page {
		for range 2 {
			byteAt, bit := at+rnd.IntN(64), rnd.IntN(8)
			if try(fmt.Sprintf("byte %d", byteAt), func(b []byte) { b[byteAt] ^= 1 << bit }) {
				heads++
			}
		}
	}
	t.Logf("of %d pages %d zeroed ones were found; of %d flipped bits %d, of %d in headers %d; the others said the same as before", len(sound)/page, zeroed, flips, flipped, 2*len(sound)/page, heads)
	if zeroed < len(sound)/page/4 || flipped < flips/8 {
		t.Error("the file is mostly empty")
	}
}

// Records that have their checksums and do not fit together.
func TestCheckComparesRecords(t *testing.T) {
	other := digest("another")
	put := func(bucket string, k []byte, v any) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			stored, err := encode(bucket, k, v)
			return errors.Join(err, tx.Bucket([]byte(bucket)).Put(k, stored))
		}
	}
	drop := func(bucket string, k []byte) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			if tx.Bucket([]byte(bucket)).Get(k) == nil {
				return fmt.Errorf("there is no %s/%q", bucket, k)
			}
			return tx.Bucket([]byte(bucket)).Delete(k)
		}
	}
	dropFirst := func(bucket string) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			k, _ := tx.Bucket([]byte(bucket)).Cursor().First()
			return tx.Bucket([]byte(bucket)).Delete(append([]byte(nil), k...))
		}
	}
	one := "shard-00001"
	snapshot := digest("snapshot")
	for name, tt := range map[string]struct {
		do   func(*bolt.Tx) error
		want string
	}{
		"a part without its transfer":         {drop("transfers", key(one)), "which is not there"},
		"a part under another number":         {put("parts", partKey(one, 1), Part{Number: 3}), "is part 3"},
		"a replica without its index":         {drop("replicas_by_digest", digestKey("lab", digest(one), one)), "cannot be found by its digest"},
		"an index without its replica":        {drop("replicas", key("lab", one)), "entries, and"},
		"a replica under another key":         {put("replicas", key("lab", one), Replica{Store: "lab", Key: "elsewhere"}), "is the replica under"},
		"a dataset without its snapshot":      {put("datasets", key(one), Dataset{Name: one, Latest: other}), "names snapshot"},
		"a need without its snapshot":         {put("needs", key(one), Need{ID: one, Snapshot: other, Ready: 1}), "names snapshot"},
		"a need without its list":             {put("needs", key(one), Need{ID: one, Paths: other}), "names a list of paths"},
		"a job with places beyond":            {put("jobs", key(one), Job{ID: one, Snapshot: snapshot, Ranges: Spans(nil).AppendSpan(0, 0, 9999)}), "has places up to 9999"},
		"a snapshot without a page":           {drop("snapshot_pages", pageKey(snapshot, 0)), "shards"},
		"a page without its snapshot":         {drop("snapshots", snapshot[:]), "of a snapshot that is not there"},
		"a list that is another":              {put("paths", other[:], packPaths([]string{"z"}, nil)), "is not the list of paths"},
		"a pack that nobody knows":            {dropFirst("packs"), "of which nothing is known"},
		"a recipe that is gone":               {dropFirst("recipes"), "are said to be in it"},
		"a window with less reserved":         {put("windows", []byte(WindowID("budget"+one, "2026-11")), Window{}), "the account has"},
		"a pin that is gone":                  {drop("pins", key("lab", one, "c4")), "the account has"},
		"a line that the journal has more of": {nil, "less than the journal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			m := open(t, dir, Options{})
			whole(t, m, 20)
			if tt.do == nil {
				update(t, m, func(tx *Tx) error {
					id, err := tx.NextReservation()
					return errors.Join(err, m.Journal().Append(Entry{Kind: "settle", Open: Open{ID: id, Bytes: 5, NanoUSD: 6, Line: LineKey{Month: "2026-11", Path: "gone"}}}))
				})
			}
			closeIt(t, m)
			if tt.do != nil {
				raw(t, dir, tt.do)
			}
			c := mustCheck(t, dir, CheckOptions{})
			said := fmt.Sprint(c.Findings)
			if c.Sound() || !strings.Contains(said, tt.want) {
				t.Errorf("found %s, want %q", said, tt.want)
			}
		})
	}
}
