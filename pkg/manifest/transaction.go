package manifest

import (
	"errors"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/datagravity/datagravity/internal/crashpoint"
)

// Tx is a transaction. It is valid only inside the function it was given to, and for one goroutine at a time.
type Tx struct {
	b      *bolt.Tx
	unread *unread
	// recipes of the manifest, nil while it is made.
	recipes *recipeStore
	// damage is set when a page turned out to be unreadable: what was changed since is not to be trusted.
	damage  error
	account *account // once read
	changed bool     // account must be written
	// accounted: the journal was taken into account in this transaction.
	accounted bool
}

// View runs f on a consistent view. Errors: those of f, and [ErrCorrupt].
func (m *Manifest) View(f func(*Tx) error) (err error) {
	defer faultsPanic()()
	tx, err := m.begin(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.rollback(tx)) }()
	return f(tx)
}

// Update runs f and makes what it did durable, all or nothing. Errors: those of f, [ErrCorrupt], and those of the disk;
// after any of them nothing was changed, and the next Update may succeed (a full disk that was cleared, say).
func (m *Manifest) Update(f func(*Tx) error) (err error) {
	defer faultsPanic()()
	tx, err := m.begin(true)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed { // also when f panics
			err = errors.Join(err, m.rollback(tx))
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	if tx.damage != nil {
		return tx.damage
	}
	if err := m.putAccount(tx); err != nil {
		return err
	}
	err = m.commit(tx)
	committed = err == nil
	return err
}

// Version changes with every Update that was made, and counts up while the manifest is open: what was read at the same version is the same.
// 0: it cannot be told.
func (m *Manifest) Version() (v uint64) {
	tx, err := m.begin(false)
	if err != nil {
		return 0
	}
	v = uint64(tx.b.ID())
	if m.rollback(tx) != nil {
		return 0
	}
	return v
}

// poison makes every further transaction fail: bbolt panicked while it held its own locks.
func (m *Manifest) poison(while string, p any) error {
	err := fmt.Errorf("%w: %s: %v; %s", ErrCorrupt, while, p, restoreHint)
	m.poisoned.CompareAndSwap(nil, &err)
	return err
}

func (m *Manifest) begin(writable bool) (tx *Tx, err error) {
	if p := m.poisoned.Load(); p != nil {
		return nil, *p
	}
	defer func() {
		if p := recover(); p != nil {
			tx, err = nil, m.poison("begin a transaction", p)
		}
	}()
	b, err := m.db.Begin(writable)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return &Tx{b: b, unread: m.unread, recipes: m.recipes}, nil
}

func (m *Manifest) commit(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = m.poison("commit", p)
		}
	}()
	crashpoint.Hit(crashpoint.CommitBefore)
	if err := tx.b.Commit(); err != nil {
		return onFull(filepath.Dir(m.db.Path()), fmt.Errorf("write %s: %w", m.db.Path(), err))
	}
	crashpoint.Hit(crashpoint.CommitAfter)
	return nil
}

func (m *Manifest) rollback(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = m.poison("roll back", p)
		}
	}()
	if err := tx.b.Rollback(); err != nil && !errors.Is(err, berrors.ErrTxClosed) {
		return err
	}
	return nil
}
