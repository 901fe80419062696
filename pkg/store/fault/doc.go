// Package fault wraps a store so that it fails as planned. It is for tests.
//
// # The promise
//
// The same plan and the same calls meet the same faults. A rule with a probability decides by its seed, the operation,
// the key and how often that key was asked before, not by a shared stream of random numbers, so that the order in which
// goroutines run changes nothing. A planned fault that never happened fails the test ([Store.VerifyAllHit]): a test
// of recovery that recovered from nothing proves nothing.
package fault
