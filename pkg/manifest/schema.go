package manifest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/datagravity/datagravity/internal/crashpoint"
)

// SchemaVersion is what this program writes.
const SchemaVersion = 7

var metaBucket, versionKey = []byte("meta"), []byte("schema")

var buckets = []string{
	"meta", datasets.bucket, facts.bucket, snapshots.bucket, snapshotPages.bucket, recipeLocations.bucket, packs.bucket,
	replicas.bucket, replicasByDigest.bucket, transfers.bucket, parts.bucket, reservations.bucket, windows.bucket,
	meters.bucket, lines.bucket, needs.bucket, pins.bucket, spending.bucket, approvals.bucket, doubts.bucket, resets.bucket, alerts.bucket,
	billed.bucket, jobs.bucket, pathLists.bucket, speeds.bucket, heldGrants.bucket, givenGrants.bucket,
	timers.bucket, notices.bucket, noticed.bucket,
}

// migrations[i] turns version i into i+1; what buckets it adds, initSchema makes afterwards. Version 1 is the first.
var migrations = map[int]func(*bolt.Tx) error{
	1: func(*bolt.Tx) error { return nil }, // version 2 has pins
	// Version 3 has spending by day, approvals, doubts, resets and alerts, and what came from bills; its ledger keeps a time, not a month.
	2: clockOfMonth,
	3: func(*bolt.Tx) error { return nil }, // version 4 has jobs, lists of paths and the speeds of links
	4: func(*bolt.Tx) error { return nil }, // version 5 has grants
	5: func(*bolt.Tx) error { return nil }, // version 6 has timers and notices
	6: func(*bolt.Tx) error { return nil }, // version 7 adds up old lines of the ledger
}

// initSchema makes what is missing. It serves a new file, and an older one after its migration.
func initSchema(tx *bolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	t := &Tx{b: tx}
	if _, ok, err := accounts.get(t, accountKey); err != nil || ok {
		return errors.Join(err, putVersion(tx, SchemaVersion))
	}
	return errors.Join(accounts.put(t, accountKey, newAccount()), putVersion(tx, SchemaVersion))
}

func putVersion(tx *bolt.Tx, v int) error {
	body := binary.BigEndian.AppendUint32(nil, uint32(v))
	stored := binary.BigEndian.AppendUint32(nil, sum("meta", versionKey, body))
	return tx.Bucket(metaBucket).Put(versionKey, append(stored, body...))
}

func version(tx *bolt.Tx) (int, error) {
	b := tx.Bucket(metaBucket)
	if b == nil {
		return 0, fmt.Errorf("%w: it has no meta bucket: this is not a datagravity manifest; move it away, or set agent.state to another directory", ErrCorrupt)
	}
	stored := b.Get(versionKey)
	if len(stored) != 8 || binary.BigEndian.Uint32(stored) != sum("meta", versionKey, stored[4:]) {
		return 0, fmt.Errorf("%w: meta/%q has a wrong checksum; %s", ErrCorrupt, versionKey, restoreHint)
	}
	return int(binary.BigEndian.Uint32(stored[4:])), nil
}

// migrate brings an older file to SchemaVersion, after a backup beside it that is verified and kept.
func (m *Manifest) migrate(o Options) error {
	var have int
	var by string
	err := m.View(func(tx *Tx) (err error) {
		defer guard(tx, "meta", versionKey, &err)
		if have, err = version(tx.b); err == nil && have > SchemaVersion {
			by = writerOfNewer(tx)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case have > SchemaVersion:
		return fmt.Errorf("%w: %s has schema %d, this program knows %d: %s wrote it, and this is %s; use the newer program, or another agent.state. "+
			"A backup from before the migration is beside it as manifest.db.schema-%d.bak, if this program had it before",
			ErrNewer, m.db.Path(), have, SchemaVersion, by, nameOf(o.Program), SchemaVersion)
	case have == SchemaVersion:
		return nil
	}
	if err := m.unread.readAll(); err != nil { // steps and the backup go past tables
		return err
	}
	backup := fmt.Sprintf("%s.schema-%d.bak", m.db.Path(), have)
	if err := m.copyVerified(context.Background(), backup, nil); err != nil {
		return fmt.Errorf("back up the manifest before its migration: %w", err)
	}
	crashpoint.Hit(crashpoint.MigrateBefore)
	err = m.Update(func(tx *Tx) error {
		for v := have; v < SchemaVersion; v++ {
			step, ok := migrations[v]
			if !ok {
				return fmt.Errorf("%w: schema %d is too old to be migrated", ErrCorrupt, v)
			}
			if err := step(tx.b); err != nil {
				return fmt.Errorf("migrate the manifest from schema %d: %w; the file is as it was, and %s is a copy of it", v, err, backup)
			}
		}
		return initSchema(tx.b)
	})
	if err == nil {
		o.log().Warn("the manifest has a newer schema now; the file as it was is kept, for the program before this one", "from", have, "to", SchemaVersion, "backup", backup)
	}
	return err
}
