package manifest

import (
	"errors"
	"sync"
)

// queue gathers the functions of Batch. bbolt has a batch of its own, but commits in a goroutine of its own too, where a
// panic on a damaged page would end the process, and waits up to 10 ms for company, where here those who come during one
// commit are the company of the next.
type queue struct {
	mu      sync.Mutex
	waiting []*call

	leading sync.Mutex // held by the caller who commits for the others
}

type call struct {
	f     func(*Tx) error
	ended bool
	err   error
}

// errAbandoned: a function of the same batch panicked, and its panic took this one's transaction with it.
var errAbandoned = errors.New("another writer of the same transaction failed badly; nothing was recorded")

// Batch is Update for many goroutines at once: their functions share one sync of the disk. f may run more than once, and
// only the last run counts: it must set what it hands out anew each time. An error of f is f's alone.
func (m *Manifest) Batch(f func(*Tx) error) error {
	c := &call{f: f}
	q := &m.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, c)
	q.mu.Unlock()
	q.leading.Lock()
	defer q.leading.Unlock()
	if c.ended { // by an earlier leader
		return c.err
	}
	q.mu.Lock()
	batch := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	m.runBatch(batch)
	return c.err
}

// runBatch runs every call in one transaction. A call that fails is taken out and runs again alone at the end: its
// failure may be due to what another one did, that was then undone.
func (m *Manifest) runBatch(batch []*call) {
	end := func(c *call, err error) { c.ended, c.err = true, err }
	defer func() {
		for _, c := range batch { // only after a panic is there one left
			if !c.ended {
				end(c, errAbandoned)
			}
		}
	}()
	together := append([]*call(nil), batch...)
	var alone []*call
	for len(together) > 0 {
		failed := -1
		err := m.Update(func(tx *Tx) error {
			for i, c := range together {
				if err := c.f(tx); err != nil {
					failed = i
					return err
				}
			}
			return nil
		})
		if failed < 0 {
			for _, c := range together {
				end(c, err)
			}
			break
		}
		if failed == 0 {
			end(together[0], err) // nothing ran before it
		} else {
			alone = append(alone, together[failed])
		}
		together = append(together[:failed], together[failed+1:]...)
	}
	for _, c := range alone {
		end(c, m.Update(c.f))
	}
}
