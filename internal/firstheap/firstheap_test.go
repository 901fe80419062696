package firstheap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// current is GOGC as it is now.
func current() int {
	p := debug.SetGCPercent(usualPercent)
	debug.SetGCPercent(p)
	return p
}

// After the first collection GOGC is what it would be without this package, or what was set since.
func TestFirstCollectionEndsIt(t *testing.T) {
	t.Cleanup(func() { SetGCPercent(usualPercent) })
	for i := 0; current() != usualPercent; i++ {
		if i == 1000 {
			t.Fatalf("GOGC is %d", current())
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	SetGCPercent(40)
	runtime.GC()
	if p := current(); p != 40 {
		t.Errorf("GOGC is %d, and was set to 40", p)
	}
}
