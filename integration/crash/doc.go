// Package crash ends processes at the points of internal/crashpoint and judges from outside what the next process makes of what is left.
//
// A trial is a scenario, a point of it and how often it was passed: a process of the test's own program does what the scenario says, and dies there by
// SIGKILL. Then the same is done from the beginning, as somebody would who starts it again, and ends well: in the process of the test, which takes nothing
// over from one time to the next but what costs time to make, such as the price book. Then everything is there, what was sent
// again is no more than was in flight, the ledger has every byte of it, and nothing is left that is not wanted.
package crash
