package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeded makes a manifest with records of every kind, of a shape that the seed decides. Which page has what is not the seed's: bbolt goes by the order of a map. So a file that
// failed a trial is kept, see keepFailed.
func seeded(t testing.TB, dir string, rnd *rand.Rand) *Manifest {
	t.Helper()
	m := open(t, dir, Options{})
	whole(t, m, 20+rnd.IntN(100))
	for range 4 + rnd.IntN(8) { // for a list of free pages and pages out of order
		churn(t, m, rnd)
	}
	return m
}

// churn makes one transaction as a daemon does: some of everything that it records, changes and forgets.
func churn(t testing.TB, m *Manifest, rnd *rand.Rand) {
	t.Helper()
	name := func() string { return fmt.Sprintf("shard-%05d", rnd.IntN(200)) }
	if rnd.IntN(8) == 0 {
		storeAndPut(t, m, recipeOf(t, fmt.Sprint("recipe", rnd.Uint64()), 1+rnd.IntN(3)))
		return
	}
	steps := []func(tx *Tx) error{
		func(tx *Tx) error { return tx.PutNeed(Need{ID: name(), Bytes: rnd.Int64()}) },
		func(tx *Tx) error { return tx.DeleteNeed(name()) },
		func(tx *Tx) error {
			n := name()
			return tx.PutReplica(Replica{Store: "lab", Key: n, Shard: digest(n), Size: rnd.Int64(), ETag: strings.Repeat("x", 1+rnd.IntN(1500))})
		},
		func(tx *Tx) error { return tx.DeleteReplica("lab", name()) },
		func(tx *Tx) error {
			n := name()
			err := tx.PutTransfer(Transfer{ID: n, Size: rnd.Int64()})
			for i := range 1 + rnd.IntN(40) {
				err = errors.Join(err, tx.PutPart(n, Part{Number: i + 1, Size: rnd.Int64(), CV: make([]byte, 32)}))
			}
			return err
		},
		func(tx *Tx) error { return tx.DeleteTransfer(name()) },
		func(tx *Tx) error {
			id, err := tx.NextReservation()
			return errors.Join(err, tx.PutReservation(Open{ID: id, Bytes: rnd.Int64N(1 << 40)}))
		},
		func(tx *Tx) error {
			return tx.PutWindow(WindowID("churn"+name(), "2026-11"), Window{SettledBytes: rnd.Int64N(1 << 40)})
		},
		func(tx *Tx) error { return tx.PutSpent("churn", Day, name(), Spent{Bytes: rnd.Int64N(1 << 40)}) },
		func(tx *Tx) error {
			var err error
			for range 1 + rnd.IntN(60) {
				err = errors.Join(err, tx.PutFact("wiki", Fact{Path: name(), Size: rnd.Int64()}))
			}
			return err
		},
		func(tx *Tx) error { return tx.DeleteFact("wiki", name()) },
		func(tx *Tx) error {
			k := LineKey{Month: "2026-11", Dataset: "wiki", Path: name(), Activity: "transfer"}
			return tx.PutLine(Line{LineKey: k, Bytes: rnd.Int64N(1 << 40)})
		},
		func(tx *Tx) error {
			id := fmt.Sprint("churned", rnd.Uint64())
			return putSnapshot(tx, digest(id), "wiki", shards(1+rnd.IntN(2*shardsPerPage), id))
		},
	}
	update(t, m, func(tx *Tx) error {
		for range 1 + rnd.IntN(12) {
			if err := steps[rnd.IntN(len(steps))](tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// records are those of a sound file but for its schema, which is none.
func records(t testing.TB, dir string) (list []record) {
	t.Helper()
	m, err := openToRead(filepath.Join(dir, "manifest.db"))
	if err != nil {
		t.Fatal(err)
	}
	view(t, m, func(tx *Tx) error {
		for _, bucket := range buckets {
			_, err := tx.eachStored(bucket, func(k, v []byte, problem error) error {
				if bucket != "meta" || string(k) != string(versionKey) {
					list = append(list, record{bucket, append([]byte(nil), k...), append([]byte(nil), v...)})
				}
				return problem
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := m.CloseCopy(); err != nil {
		t.Fatal(err)
	}
	return list
}

// saysOf is what an examiner finds in such a file.
func saysOf(list []record) map[string]string {
	all := map[string]string{}
	for _, r := range list {
		if r.Bucket != "meta" {
			all[r.Bucket+"/"+string(r.Key)] = string(r.Value[4:])
		}
	}
	return all
}

func writeTruth(t testing.TB, path string, list []record) {
	t.Helper()
	b, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// keepFailed keeps files of a trial that failed.
func keepFailed(t *testing.T, files map[string][]byte) {
	t.Helper()
	if !t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "datagravity-"+strings.ReplaceAll(t.Name(), "/", "-")+"-")
	for name, b := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
	}
	t.Logf("its files are kept: %s %v", dir, err)
}
