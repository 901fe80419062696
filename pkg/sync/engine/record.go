package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// errRecord marks failures to record: going on would spend money that nobody remembers.
var errRecord = errors.New("cannot record")

func recordError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errRecord, err)
}

// outcome is what a finished shard adds to the manifest.
type outcome struct {
	dataset  string
	replica  *manifest.Replica
	yields   bool // to what another run recorded of another object since
	fact     *manifest.Fact
	recipe   *manifest.NewRecipe
	transfer string // to forget
	notes    notes
	ledger   *cost.Ledger
	urgent   bool
}

// recorder commits outcomes in groups: small shards share a pack and a sync of the disk.
type recorder struct {
	m   *manifest.Manifest
	usd cost.NanoUSD // of the notes

	mu      sync.Mutex
	pending []outcome
	first   time.Time
	err     error
}

// A group is committed when it is this large or this old, or when a large shard joins it.
const (
	groupShards = 512
	groupAge    = 250 * time.Millisecond
)

func newRecorder(m *manifest.Manifest) *recorder { return &recorder{m: m} }

// add takes an outcome; when it returns after an urgent one, everything so far is durable.
func (r *recorder) add(o outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if len(r.pending) == 0 {
		r.first = r.m.Now()
	}
	r.pending = append(r.pending, o)
	if o.urgent || len(r.pending) >= groupShards || r.m.Now().Sub(r.first).Abs() >= groupAge {
		r.commit()
	}
	return r.err
}

func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && len(r.pending) > 0 {
		r.commit()
	}
	return r.err
}

func (r *recorder) close() error { return r.flush() }

// commit makes the pending outcomes durable: recipes first, then what refers to them.
func (r *recorder) commit() {
	group := r.pending
	r.pending = nil
	var recipes []manifest.NewRecipe
	for _, o := range group {
		if o.recipe != nil {
			recipes = append(recipes, *o.recipe)
		}
	}
	stored, err := r.m.StoreRecipes(recipes)
	if err != nil {
		r.err = recordError(err)
		return
	}
	var usd cost.NanoUSD
	err = r.m.Update(func(tx *manifest.Tx) error {
		usd = 0
		if err := tx.PutRecipes(stored); err != nil {
			return err
		}
		for _, o := range group {
			spent, err := o.put(tx)
			if err != nil {
				return err
			}
			usd += spent
		}
		return nil
	})
	r.usd += usd
	r.err = recordError(err)
}

func (o outcome) put(tx *manifest.Tx) (usd cost.NanoUSD, err error) {
	if o.fact != nil {
		if err := tx.PutFact(o.dataset, *o.fact); err != nil {
			return 0, err
		}
	}
	if o.replica != nil {
		old, known, err := tx.Replica(o.replica.Store, o.replica.Key)
		if replaced := o.yields && known && old.Present() && old.ETag != o.replica.ETag; err == nil && !replaced {
			err = tx.PutReplica(o.replica.ProvenAgain(old))
		}
		if err != nil {
			return 0, err
		}
	}
	if o.transfer != "" {
		if err := tx.DeleteTransfer(o.transfer); err != nil {
			return 0, err
		}
	}
	for _, n := range o.notes.list {
		spent, err := o.ledger.Note(tx, n.c, n.moved)
		if err != nil {
			return 0, err
		}
		usd += spent
	}
	return usd, nil
}
