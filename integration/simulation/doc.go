// Package simulation runs the real dispatcher, syncer and loop of the daemon, with a real manifest, in a bubble of synthetic time against stores in memory
// that fail: hours of faults in a moment. What a schedule does follows from its seed alone.
//
// # What is judged, and by whom
//
// The oracle stands outside of the daemon. It sees what the stores hold, what their wires carried, and what the manifest claims, and after every
// event compares these with a reference model: see model.
//
// # Replay
//
// A seed fixes the order of events, because every request takes a time of its own: no two goroutines wake at the same moment. What a request meets follows
// from the seed, its operation, its key and how often that was asked before, and not from a stream of numbers that all share.
package simulation
