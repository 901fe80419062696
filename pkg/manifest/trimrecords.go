package manifest

import "bytes"

// look finds out which recipes are referred to, and which paths snapshots name, if there may be something that went with the snapshots that are gone.
func (t *trimmer) look() error {
	s, err := t.left()
	if err != nil || !s.Recipes && len(t.gone) == 0 {
		return err
	}
	t.looked = true
	if !t.o.DryRun {
		err = t.m.Update(func(tx *Tx) error {
			t.m.recipes.named.start()
			return leave(tx, func(s *trimming) { s.Recipes = true })
		})
		if err != nil {
			return err
		}
	}
	var list []SnapshotHeader
	err = t.m.View(func(tx *Tx) error {
		return tx.Snapshots("", func(h SnapshotHeader) error {
			if !t.gone[h.ID] {
				list = append(list, h)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, h := range list {
		err := t.eachNamed(h, func(_ *Tx, s named) error {
			t.inUse.add(shortOf(s.Recipe))
			t.paths.add(t.names.path(h.Dataset, s.Path))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return each(t, transfers, nil, func(_ *Tx, _ []byte, v Transfer) error {
		t.inUse.add(shortOf(v.Recipe))
		return nil
	}, nil)
}

// replicas forgets that objects were deleted.
func (t *trimmer) replicas() error {
	goes := func(r Replica) bool { return r.Missing == Deleted && max(r.Seen, r.Written, r.Verified) <= t.before }
	return sweep(t, replicas, &t.out.Replicas, func(_ *Tx, _ []byte, r Replica) (bool, error) {
		if goes(r) {
			return true, nil
		}
		t.inUse.add(shortOf(r.Recipe))
		return false, nil
	}, func(tx *Tx, _ []byte, r Replica) (bool, error) {
		now, ok, err := tx.Replica(r.Store, r.Key)
		if err != nil || !ok || !goes(now) {
			return false, err
		}
		return true, tx.DeleteReplica(r.Store, r.Key)
	})
}

// facts forgets what was learned of paths that no snapshot names. Of an object that a destination holds, a fact may be all that tells whose it is; and what
// was learned since the dataset's latest snapshot was taken is for the next one, which may take its time: reading it again may cost money.
func (t *trimmer) facts() error {
	if !t.looked {
		return nil
	}
	if t.holds.folders == nil {
		if err := t.holds.read(t); err != nil {
			return err
		}
	}
	taken, err := t.latestTaken()
	if err != nil {
		return err
	}
	return sweep(t, facts, &t.out.Facts, func(tx *Tx, key []byte, f Fact) (bool, error) {
		dataset, _, _ := bytes.Cut(key, []byte{0})
		if f.Indexed <= min(t.before, taken[string(dataset)]) && !t.paths.has(t.names.path(string(dataset), f.Path)) {
			if wanted, err := t.holds.have(tx, f.Path, f.Shard); err != nil || !wanted {
				return err == nil, err
			}
		}
		t.inUse.add(shortOf(f.Recipe))
		return false, nil
	}, func(tx *Tx, key []byte, f Fact) (bool, error) {
		now, ok, err := facts.get(tx, key)
		if err != nil || !ok || now.Indexed != f.Indexed || now.ETag != f.ETag {
			return false, err
		}
		return true, facts.delete(tx, key)
	})
}

// latestTaken is when the latest snapshot of each dataset was taken; of one that has none nothing was.
func (t *trimmer) latestTaken() (taken map[string]Millis, err error) {
	taken = map[string]Millis{}
	err = each(t, datasets, nil, func(tx *Tx, _ []byte, d Dataset) error {
		h, _, err := tx.Snapshot(d.Latest)
		taken[d.Name] = h.Taken
		return err
	}, nil)
	return taken, err
}
