package manifest

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// What an index has learned, and no snapshot has yet, stays however long the index takes; what was learned before the latest snapshot, of a path that it does not name, goes.
func TestTrimKeepsWhatIsLearnedForTheNextSnapshot(t *testing.T) {
	m := open(t, memoryDir(t), Options{Now: func() time.Time { return noon.Add(1000 * time.Hour) }})
	old, latest := digest("old"), digest("latest") // both taken at noon
	at := func(d time.Duration) Millis { return At(noon.Add(d)) }
	update(t, m, func(tx *Tx) error {
		return errors.Join(
			putSnapshot(tx, old, "c4", shards(1, "x")), putSnapshot(tx, latest, "c4", shards(1, "y")), tx.PutDataset(Dataset{Name: "c4", Latest: latest}),
			tx.PutFact("c4", Fact{Path: "before.tar", Shard: digest("a"), Indexed: at(-time.Hour)}),
			tx.PutFact("c4", Fact{Path: "since.tar", Shard: digest("b"), Indexed: at(time.Hour)}),
			tx.PutDataset(Dataset{Name: "new"}), tx.PutFact("new", Fact{Path: "first.tar", Shard: digest("c"), Indexed: at(-time.Hour)}),
		)
	})
	if out, err := m.Trim(t.Context(), TrimOptions{}); err != nil || len(out.Snapshots) != 1 || out.Facts != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	var got []string
	view(t, m, func(tx *Tx) error {
		note := func(f Fact) (bool, error) { got = append(got, f.Path); return true, nil }
		return errors.Join(tx.Facts("c4", note), tx.Facts("new", note))
	})
	if want := []string{"since.tar", "first.tar"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	sound(t, m)
}
