package manifest

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNoRoom: the disk has no room for a copy, or for what is to be recorded.
var ErrNoRoom = errors.New("no room on the disk")

// leastLeft must stay free beside a copy, at the least: the journal and recipes of a busy hour.
const leastLeft = 64 << 20

// roomFor makes sure that a copy of the file, and so many bytes more, fit into a folder, and that as much again stays free: a manifest that cannot grow any more
// because of its backup is worse than one without.
func (m *Manifest) roomFor(dir string, more int64) error {
	var size int64
	err := m.View(func(tx *Tx) error {
		size = tx.b.Size()
		return nil
	})
	if err != nil {
		return err
	}
	look := freeBytes
	if m.free != nil {
		look = m.free
	}
	free, known, err := look(dir)
	if err != nil || !known {
		return err
	}
	need := size + more
	if left := max(need, leastLeft); free < need+left {
		return fmt.Errorf("%w: %s has %d bytes free; the copy has %d, and %d must stay free beside it; free some, or set agent.backup.dir to another disk",
			ErrNoRoom, dir, free, need, left)
	}
	return nil
}

// onFull says what to do where the disk of a folder was full, and leaves any other error as it is. Nothing of what could not be written is there in part: files get their
// names when they are whole, transactions are made as a whole, and a line of the journal that is cut off is none.
func onFull(dir string, err error) error {
	if errors.Is(err, ErrNoRoom) || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return fmt.Errorf("%w: %w; free space on the disk of %s, then run this again: it goes on from what was recorded", ErrNoRoom, err, dir)
}
