// Package crashpoint names the moments at which a process may end with the most harm, so that trials can end it there.
//
// A point does nothing and costs one atomic load until a hook is set. Only tests set one, in their own process.
package crashpoint

import "sync/atomic"

// Point is a moment at which a process may end.
type Point string

var hook atomic.Pointer[func(Point)]

// Hit says that the process is at a point.
func Hit(p Point) {
	if f := hook.Load(); f != nil {
		(*f)(p)
	}
}

// Set has a function called at each point, in the goroutine that hits it and from several at once; nil ends that.
func Set(f func(Point)) {
	if f == nil {
		hook.Store(nil)
		return
	}
	hook.Store(&f)
}
