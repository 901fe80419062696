package manifest

import (
	"sync"
	"sync/atomic"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// namedRecipes are those that transactions name while somebody looks for recipes that nothing does: the looking takes many views, and what is named behind it
// would not be seen.
type namedRecipes struct {
	on  atomic.Bool
	mu  sync.Mutex
	ids map[chunker.Digest]bool
}

// start is called within a transaction that writes, so that none is under way that named something before and is committed afterwards.
func (n *namedRecipes) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids = map[chunker.Digest]bool{}
	n.on.Store(true)
}

func (n *namedRecipes) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids = nil
	n.on.Store(false)
}

func (n *namedRecipes) add(id chunker.Digest) {
	if !n.on.Load() || id.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids != nil {
		n.ids[id] = true
	}
}

func (n *namedRecipes) has(id chunker.Digest) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ids[id]
}

// names notes that a record refers to a recipe from now on.
func (tx *Tx) names(recipe chunker.Digest) {
	if tx.recipes != nil {
		tx.recipes.named.add(recipe)
	}
}

// NamingRecipes has no recipe be forgotten until done is called: for who finds out which there are, and names them in a later transaction. It is called
// outside of transactions.
func (m *Manifest) NamingRecipes() (done func()) {
	m.recipes.naming.RLock()
	return m.recipes.naming.RUnlock
}
