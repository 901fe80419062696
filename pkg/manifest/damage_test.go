package manifest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// knowledge is one thing that a manifest must answer the same way, or with ErrCorrupt, or, if it may get lost, not at all.
type knowledge struct {
	bucket, key string
	mayBeLost   bool
	ask         func(m *Manifest) (string, error)
}

const absent = "absent"

// asks makes a knowledge out of a getter.
func asks[V any](bucket, key string, mayBeLost bool, get func(tx *Tx) (V, bool, error)) knowledge {
	return knowledge{bucket, key, mayBeLost, func(m *Manifest) (answer string, err error) {
		err = m.View(func(tx *Tx) error {
			v, ok, err := get(tx)
			answer = fmt.Sprintf("%+v", v)
			if !ok {
				answer = absent
			}
			return err
		})
		return answer, err
	}}
}

// fill writes records of every kind, enough for trees with branches, and returns what to ask.
func fill(t testing.TB, m *Manifest, n int) (all []knowledge) {
	t.Helper()
	snapshot := digest("snapshot")
	update(t, m, func(tx *Tx) error {
		for i := range n {
			name := fmt.Sprintf("shard-%05d", i)
			window, meter := WindowID("budget"+name, "2026-11"), MeterID("pool"+name, "2026-11")
			line := LineKey{Month: "2026-11", Dataset: "c4", Path: name, Activity: "transfer"}
			replica := Replica{Store: "lab", Key: name, Shard: digest(name), Size: int64(i), ETag: strings.Repeat("e", 30)}
			err := errors.Join(
				tx.PutDataset(Dataset{Name: name, Stable: Millis(i)}), tx.PutFact("c4", Fact{Path: name, Size: int64(i)}), tx.PutReplica(replica),
				tx.PutTransfer(Transfer{ID: name, Size: int64(i)}), tx.PutPart(name, Part{Number: 1, Size: int64(i), CV: make([]byte, 32)}),
				tx.PutNeed(Need{ID: name, Bytes: int64(i)}), tx.PutLine(Line{LineKey: line, Bytes: int64(i)}),
			)
			_, alertErr := tx.PutAlert(Alert{Budget: name, UsedBytes: int64(i)})
			err = errors.Join(err, alertErr)
			all = append(all,
				asks("datasets", name, true, func(tx *Tx) (Dataset, bool, error) { return tx.Dataset(name) }),
				asks("facts", "c4\x00"+name, true, func(tx *Tx) (Fact, bool, error) { return tx.Fact("c4", name) }),
				asks("replicas", "lab\x00"+name, true, func(tx *Tx) (Replica, bool, error) { return tx.Replica("lab", name) }),
				asks("replicas_by_digest", "lab\x00"+string(replica.Shard[:])+name, true, func(tx *Tx) (Replica, bool, error) {
					list, err := tx.Holders("lab", replica.Shard, 9)
					if len(list) == 0 {
						return Replica{}, false, err
					}
					return list[0], len(list) == 1, err
				}),
				asks("transfers", name, true, func(tx *Tx) (Transfer, bool, error) { return tx.Transfer(name) }),
				asks("parts", name+"\x00\x00\x00\x00\x01", true, func(tx *Tx) (Part, bool, error) {
					list, err := tx.Parts(name)
					return append(list, Part{})[0], len(list) == 1, err
				}),
				asks("needs", name, true, func(tx *Tx) (Need, bool, error) { return tx.Need(name) }),
				asks("ledger", string(Line{LineKey: line}.bytes()), true, func(tx *Tx) (Line, bool, error) { return tx.Line(line, "", "") }),
				asks("alerts", string(Alert{Budget: name}.bytes()), true, func(tx *Tx) (a Alert, ok bool, err error) {
					err = tx.Alerts(name, func(one Alert) (bool, error) { a, ok = one, true; return false, nil })
					return a, ok, err
				}),
			)
			if i < n/4 {
				id, idErr := tx.NextReservation()
				pin := Pin{Owner: name, Dataset: "c4", Destination: "lab", Created: Millis(i + 1)}
				err = errors.Join(err, idErr, tx.PutPin(pin), tx.PutWindow(window, Window{SettledBytes: int64(i + 1)}), tx.PutMeter(meter, Meter{SettledBytes: int64(i + 1)}),
					tx.PutReservation(Open{ID: id, Bytes: int64(i), Windows: []string{window}}), tx.PutSpent("budget", Day, name, Spent{Bytes: int64(i + 1)}),
					tx.PutApproval(Approval{ID: name, ExtraBytes: int64(i)}), tx.PutDoubt(Doubt{ID: name, At: Millis(i + 1)}), tx.PutReset(Reset{ID: name, At: Millis(i + 1)}))
				all = append(all,
					asks("windows", window, false, func(tx *Tx) (Window, bool, error) { return tx.Window(window) }),
					asks("spending", "budget\x00day\x00"+name, false, func(tx *Tx) (s Spent, _ bool, err error) { s, err = tx.Spent("budget", Day, name); return s, true, err }),
					asks("approvals", name, false, func(tx *Tx) (Approval, bool, error) { return tx.Approval(name) }),
					asks("doubts", name, false, func(tx *Tx) (Doubt, bool, error) { return doubts.get(tx, key(name)) }),
					asks("resets", name, false, func(tx *Tx) (Reset, bool, error) { return resets.get(tx, key(name)) }),
					asks("meters", meter, false, func(tx *Tx) (m Meter, _ bool, err error) { m, err = tx.Meter(meter); return m, true, err }),
					asks("pins", "lab\x00"+name+"\x00c4", false, func(tx *Tx) (Pin, bool, error) { return tx.Pin("lab", name, "c4") }),
					asks("reservations", string(u64(id)), false, func(tx *Tx) (Open, bool, error) { return tx.Reservation(id) }),
				)
			}
			if err != nil {
				return err
			}
		}
		return putSnapshot(tx, snapshot, "c4", shards(n, "x"))
	})
	r := recipeOf(t, "recipe")
	storeAndPut(t, m, r)
	update(t, m, func(tx *Tx) error { // what UnaccountedEntries finds in an empty journal
		return tx.AccountForJournal(Unaccounted{to: map[string]mark{"ledger-2026-11.jsonl": {Bytes: 7}}})
	})
	all = append(all,
		asks("snapshots", string(snapshot[:]), true, func(tx *Tx) (SnapshotHeader, bool, error) { return tx.Snapshot(snapshot) }),
		asks("snapshot_pages", string(pageKey(snapshot, 0)), true, func(tx *Tx) (sum string, ok bool, err error) {
			err = tx.SnapshotShards(snapshot, func(s Shard) (bool, error) { sum = digest(sum + fmt.Sprint(s)).Hex(); return true, nil })
			if errors.Is(err, ErrNoSnapshot) {
				return "", false, nil
			}
			return sum, true, err
		}),
		asks("recipes", string(r.Digest[:]), true, func(tx *Tx) (recipeLocation, bool, error) { return recipeLocations.get(tx, r.Digest[:]) }),
		asks("packs", string(packKey(r)), true, func(tx *Tx) (pack, bool, error) { return packs.get(tx, packKey(r)) }),
		asks("meta", "journal", true, func(tx *Tx) (map[string]mark, bool, error) { return marks.get(tx, markKey) }),
		asks("meta", "account", false, func(tx *Tx) (account, bool, error) { return accounts.get(tx, accountKey) }),
	)
	return all
}

func packKey(r NewRecipe) []byte { d := digest(string(r.Encoded)); return d[:] }

func answers(t testing.TB, m *Manifest, all []knowledge) []string {
	t.Helper()
	out := make([]string, len(all))
	for i, k := range all {
		answer, err := k.ask(m)
		if err != nil || answer == absent {
			t.Fatalf("%s/%q: %v %v", k.bucket, k.key, answer, err)
		}
		out[i] = answer
	}
	return out
}

// One bit of each kind of value, each byte of it, is flipped past this package: the one who asks is told which value it
// was, and all others still answer.
func TestEveryKindOfValueIsChecked(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	all := fill(t, m, 8)
	closeIt(t, m)
	m = open(t, dir, Options{})
	want := answers(t, m, all)
	closeIt(t, m)
	seen := map[string]bool{}
	for _, k := range all {
		if seen[k.bucket+k.key] || seen[k.bucket] && k.bucket != "meta" {
			continue
		}
		seen[k.bucket], seen[k.bucket+k.key] = true, true
		var length int
		flip := func(at int) {
			raw(t, dir, func(tx *bolt.Tx) error {
				b := tx.Bucket([]byte(k.bucket))
				v := append([]byte(nil), b.Get([]byte(k.key))...)
				if length = len(v); length == 0 {
					return fmt.Errorf("there is no %s/%q", k.bucket, k.key)
				}
				v[at] ^= 1 << (at % 8)
				return b.Put([]byte(k.key), v)
			})
		}
		flip(0)
		flip(0)
		for at := range length {
			flip(at)
			m, err := OpenDir(dir, Options{})
			if err == nil {
				if k.bucket == "windows" || k.bucket == "meters" || k.bucket == "reservations" || k.bucket == "pins" || k.key == "account" {
					t.Fatalf("%s/%q opens with bit %d of byte %d flipped", k.bucket, k.key, at%8, at)
				}
				for j, other := range all {
					answer, err := other.ask(m)
					switch {
					case other.bucket == k.bucket && other.key == k.key:
						wantError(t, err, ErrCorrupt, fmt.Sprintf("%s/%q", k.bucket, k.key))
					case errors.Is(err, ErrCorrupt): // what leads to the damaged value
					case err != nil || answer != want[j]:
						t.Fatalf("%s/%q answers %s, %v after damage to %s", other.bucket, other.key, answer, err, k.bucket)
					}
				}
				closeIt(t, m)
			} else {
				wantError(t, err, ErrCorrupt, fmt.Sprintf("%s/%q", k.bucket, k.key))
			}
			flip(at)
		}
	}
	if len(seen) < len(buckets) {
		t.Errorf("%d kinds of values were damaged, there are %d: %v", len(seen), len(buckets), seen)
	}
	m = open(t, dir, Options{})
	answers(t, m, all)
}

func TestValueUnderAnotherKey(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	fill(t, m, 4)
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error {
		facts, replicas := tx.Bucket([]byte("facts")), tx.Bucket([]byte("replicas"))
		swapped := append([]byte(nil), facts.Get([]byte("c4\x00shard-00001"))...)
		same := append([]byte(nil), facts.Get([]byte("c4\x00shard-00002"))...)
		return errors.Join(facts.Put([]byte("c4\x00shard-00000"), swapped), replicas.Put([]byte("lab\x00shard-00002"), same))
	})
	m = open(t, dir, Options{})
	view(t, m, func(tx *Tx) error {
		_, _, err := tx.Fact("c4", "shard-00000")
		wantError(t, err, ErrCorrupt, `facts/"c4\x00shard-00000"`)
		_, _, err = tx.Replica("lab", "shard-00002")
		wantError(t, err, ErrCorrupt, `replicas/"lab\x00shard-00002"`)
		err = tx.Facts("c4", func(Fact) (bool, error) { return true, nil })
		wantError(t, err, ErrCorrupt)
		return nil
	})
}

// A window that is gone would let its budget be spent again.
func TestLostAccountRecordsAreNoticed(t *testing.T) {
	for _, bucket := range []string{"windows", "meters", "reservations", "pins"} {
		for name, damage := range map[string]func(b *bolt.Bucket) error{
			"removed": func(b *bolt.Bucket) error { k, _ := b.Cursor().First(); return b.Delete(append([]byte(nil), k...)) },
			"an older one put back": func(b *bolt.Bucket) error {
				k, _ := b.Cursor().First()
				k = append([]byte(nil), k...)
				old := map[string]any{"windows": Window{}, "meters": Meter{}, "reservations": Open{ID: 1}, "pins": Pin{}}
				stored, err := encode(bucket, k, old[bucket])
				return errors.Join(err, b.Put(k, stored))
			},
		} {
			t.Run(bucket+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				m := open(t, dir, Options{})
				fill(t, m, 40)
				closeIt(t, m)
				raw(t, dir, func(tx *bolt.Tx) error { return damage(tx.Bucket([]byte(bucket))) })
				_, err := OpenDir(dir, Options{})
				wantError(t, err, ErrCorrupt, "the account has")
			})
		}
	}
}

// A file of about a MiB is damaged at random: opening and asking never ends the process, and never gives a wrong answer.
func TestSweepOfDamage(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	all := fill(t, m, 250)
	for i := range 30 { // some churn, for a list of free pages and pages out of order
		update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: fmt.Sprintf("shard-%05d", i*8), Bytes: int64(i * 20)}) })
	}
	closeIt(t, m)
	m = open(t, dir, Options{})
	for i := range 2 { // going back by one transaction is no damage
		update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "not asked for", Shards: i}) })
	}
	want := answers(t, m, all)
	closeIt(t, m)
	sound, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	const page = 4096
	used := pageChecker{file: bytesAt(sound)}
	if _, _, err := used.meta(); err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		name   string
		times  int
		damage func(b []byte) []byte
	}{
		{"bit flipped", 80, func(b []byte) []byte { b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8); return b }},
		{"page header changed", 80, func(b []byte) []byte { b[rnd.IntN(len(b)/page)*page+rnd.IntN(16)] ^= 1 << rnd.IntN(8); return b }},
		{"element changed", 80, func(b []byte) []byte { b[rnd.IntN(len(b)/page)*page+16+rnd.IntN(64)] ^= 1 << rnd.IntN(8); return b }},
		{"page zeroed", 60, func(b []byte) []byte { clear(b[rnd.IntN(len(b)/page)*page:][:page]); return b }},
		{"page copied over another", 60, func(b []byte) []byte {
			copy(b[rnd.IntN(len(b)/page)*page:][:page], append([]byte(nil), b[rnd.IntN(len(b)/page)*page:][:page]...))
			return b
		}},
		{"cut short", 60, func(b []byte) []byte { return b[:rnd.IntN(len(b))] }},
		{"cut at a page in use", 40, func(b []byte) []byte { return b[:rnd.IntN(int(used.pages))*page] }},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			refused, told, lost, unharmed := 0, 0, 0, 0
			for n := range kind.times {
				work := filepath.Join(dir, kind.name)
				damaged := kind.damage(append([]byte(nil), sound...))
				if err := errors.Join(os.MkdirAll(work, 0o700), os.WriteFile(filepath.Join(work, "manifest.db"), damaged, 0o600)); err != nil {
					t.Fatal(err)
				}
				m, err := OpenDir(work, Options{})
				if err != nil {
					if !errors.Is(err, ErrCorrupt) {
						t.Fatalf("%d: %v", n, err)
					}
					refused++
					continue
				}
				corrupt, gone := 0, 0
				for i, k := range all {
					answer, err := k.ask(m)
					switch {
					case errors.Is(err, ErrCorrupt):
						corrupt++
					case err == nil && answer == absent && k.mayBeLost:
						gone++
					case err != nil || answer != want[i]:
						t.Fatalf("%d: %s/%q answers %s, %v; want %s", n, k.bucket, k.key, answer, err, want[i])
					}
				}
				// Writing over damage must fail or work, not end the process.
				_ = m.Update(func(tx *Tx) error { return tx.PutNeed(Need{ID: "shard-00010x"}) })
				_ = m.Close()
				switch {
				case corrupt > 0:
					told++
				case gone > 0:
					lost++
				default:
					unharmed++
				}
			}
			t.Logf("%d times: %d refused at open, %d told on reading, %d with records gone that can be found again, %d unharmed",
				kind.times, refused, told, lost, unharmed)
			if kind.name == "cut at a page in use" && refused < kind.times {
				t.Errorf("%d of %d short files were opened", kind.times-refused, kind.times)
			}
		})
	}
}

// The file is damaged under an open manifest: what cannot be read any more is an error.
func TestFileCutWhileOpen(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	all := fill(t, m, 300)
	if err := os.Truncate(filepath.Join(dir, "manifest.db"), 64<<10); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, k := range all {
		if _, err := k.ask(m); errors.Is(err, ErrCorrupt) {
			failed++
		}
	}
	if failed < len(all)/2 {
		t.Errorf("%d of %d answers were errors", failed, len(all))
	}
	// What walks over replicas beside a snapshot reads in a goroutine of its own.
	wantError(t, m.View(func(tx *Tx) error {
		return tx.Holding("lab", "", func(holds func(string, chunker.Digest) bool) error {
			holds("\xff", chunker.Digest{})
			return nil
		})
	}), ErrCorrupt)
	for range 3 {
		err := m.Update(func(tx *Tx) error { return tx.PutNeed(Need{ID: "shard-00299"}) })
		wantError(t, err, ErrCorrupt)
	}
	_ = m.Close() // returns
}
