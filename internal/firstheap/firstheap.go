// Package firstheap makes the memory that a process begins with cheap. It works by being linked in.
//
// Most commands are over before they have used 10 MiB, half of which initializes the packages of the clouds' SDKs. On a virtual machine, touching
// 4 KiB of memory for the first time can take 10 µs or more, so that this memory, and what the collector touches to look at it, takes longer than what
// is done in it. So the first collection waits until the heap has reached 16 MiB rather than 4, and the heap's first MiB are huge pages, of which one
// fault brings 2 MiB. Who makes much garbage can have later collections wait, too: [SetFloor].
package firstheap

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

const (
	// firstPercent is GOGC until the first collection: the heap's least goal is 4 MiB at 100.
	firstPercent = 400
	usualPercent = 100
)

// percent is what GOGC is from the first collection on.
var percent atomic.Int64

// This package needs little of others, so that it is initialized before nearly all that allocate.
func init() {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent.Store(usualPercent)
	debug.SetGCPercent(firstPercent)
	hugePages()
	sentinel := new([64]byte) // not so small that it shares its place with what lives on
	runtime.AddCleanup(sentinel, func(struct{}) {
		if floorBytes.Load() == 0 {
			debug.SetGCPercent(int(percent.Load()))
		}
	}, struct{}{})
}

// SetGCPercent sets GOGC at once, unless the environment does.
func SetGCPercent(p int) {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent.Store(int64(p))
	if floorBytes.Load() == 0 {
		debug.SetGCPercent(p)
	}
}
