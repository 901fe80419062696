package firstheap

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentForFloor(t *testing.T) {
	for _, c := range []struct {
		floor, usual int64
		a            alive
		want         int
	}{
		{96 << 20, 100, alive{heap: 30 << 20, roots: 3 << 20}, 200},
		{96 << 20, 100, alive{heap: 60 << 20}, 100}, // it may grow beyond the floor anyway
		{96 << 20, 40, alive{heap: 60 << 20}, 60},
		{96 << 20, 100, alive{heap: 200 << 20}, 100},
		{96 << 20, 100, alive{}, 2400}, // 24 times the least goal
	} {
		if got := percentFor(c.floor, c.usual, c.a); got != c.want {
			t.Errorf("%+v: GOGC %d, want %d", c, got, c.want)
		}
	}
}

var kept []byte

// The heap's goal is the floor whatever is alive, until twice of that is more. In a process of its own: the floor is for good.
func TestFloorHolds(t *testing.T) {
	const floor = 96 << 20
	if os.Getenv("FIRSTHEAP_FLOOR") == "" {
		run := exec.Command(os.Args[0], "-test.run=^TestFloorHolds$")
		run.Env = append(os.Environ(), "FIRSTHEAP_FLOOR=1", "GOGC=")
		if said, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return
	}
	SetFloor(floor)
	for _, c := range []struct{ keeps, goal int64 }{{0, floor}, {40 << 20, floor}, {80 << 20, 160 << 20}, {20 << 20, floor}, {0, floor}} {
		kept = make([]byte, c.keeps)
		runtime.GC()
		near := func(goal int64) bool { return goal > c.goal*9/10 && goal < c.goal*11/10 }
		for i := 0; !near(goal()); i++ { // the goal changes a moment after the collection
			if i == 1000 {
				t.Fatalf("with %d MiB alive the goal is %d MiB, want %d", c.keeps>>20, goal()>>20, c.goal>>20)
			}
			time.Sleep(time.Millisecond)
		}
	}
	runtime.KeepAlive(kept)
}

// goal is how large the heap may get before it is collected, in bytes.
func goal() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
