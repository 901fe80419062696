package firstheap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// floorBytes is what the heap may always reach before it is collected.
var floorBytes atomic.Int64

// SetFloor has the collector wait from now on until the heap has reached so many bytes, unless the environment sets GOGC. A heap that GOGC lets grow
// beyond that anyway is collected as before, so that this takes no more than the larger of both, but for what comes in the moment before GOGC follows. Whoever makes much garbage beside little that stays
// would have the little looked at again and again.
func SetFloor(bytes int64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	if floorBytes.Swap(bytes) == 0 {
		hold()
	}
}

// hold sets GOGC for the collection to come, and again after each: what GOGC makes of the floor depends on what is alive.
func hold() {
	debug.SetGCPercent(percentFor(floorBytes.Load(), percent.Load(), read()))
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(struct{}) { hold() }, struct{}{})
}

// alive is what the last collection found, in bytes.
type alive struct{ heap, roots int64 }

func read() alive {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	return alive{heap: int64(s[0].Value.Uint64()), roots: int64(s[1].Value.Uint64() + s[2].Value.Uint64())}
}

// leastGoalBytes is the goal of a heap with nothing in it at a GOGC of 100.
const leastGoalBytes = 4 << 20

// percentFor is the GOGC with which the heap's goal is the floor, never less than the usual one. The runtime makes the goal
// live + (live + roots) * GOGC / 100, but at least leastGoalBytes * GOGC / 100.
func percentFor(floor, usual int64, a alive) int {
	return int(max(usual, min((floor-a.heap)*100/max(1, a.heap+a.roots), floor*100/leastGoalBytes)))
}
