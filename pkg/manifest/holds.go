package manifest

import "sync"

// holds are what this process works with, and has recorded nowhere.
type holds[K comparable] struct {
	mu sync.Mutex
	n  map[K]int
}

func (h *holds[K]) hold(k K) (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n == nil {
		h.n = map[K]int{}
	}
	h.n[k]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.n[k]--; h.n[k] <= 0 {
			delete(h.n, k)
		}
	}
}

func (h *holds[K]) held(k K) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n[k] > 0
}

// unlessHeld calls f while nobody can begin to hold k, or not at all if somebody does.
func (h *holds[K]) unlessHeld(k K, f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n[k] > 0 {
		return nil
	}
	return f()
}

// HoldNeed tells others in this process, until release is called, that somebody works on a need.
func (m *Manifest) HoldNeed(id string) (release func()) { return m.heldNeeds.hold(id) }

// NeedHeld tells whether somebody works on a need. Nobody does that in another process: this one has the manifest.
func (m *Manifest) NeedHeld(id string) bool { return m.heldNeeds.held(id) }
