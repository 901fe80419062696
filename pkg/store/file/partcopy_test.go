package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// TestCopyOfASourceThatIsCutShort: the copy ends early, and the reason is the change.
func TestCopyOfASourceThatIsCutShort(t *testing.T) {
	s, dir := open(t)
	o, err := s.Put(t.Context(), "from", []byte("some bytes"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	from, pinned, err := s.open(o.Ref())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := os.Truncate(filepath.Join(dir, "from"), 3); err != nil {
		t.Fatal(err)
	}
	err = s.wrap("part-copy", "to", copyPinned(t.Context(), to, from, pinned, store.PartCopy{Number: 1, Size: 10}))
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("got %v, want %v", err, store.ErrChanged)
	}
}
