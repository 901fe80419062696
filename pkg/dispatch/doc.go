// Package dispatch keeps the jobs: it takes them in, finds out what their selections mean, plans over time which of them gets its shards when,
// has that carried out, and answers whether they are ready.
//
// # The way
//
//	declared -> resolved -> planned over time -> carried out -> ready, with a receipt and a pin
//
// Everything that is known of a job is in the manifest; nothing here must be remembered from one process to the next. A [Dispatcher] can
// therefore be made by a command that holds the manifest for a moment as well as by the daemon, and both give the same answers.
//
// # Fail closed
//
// What is not known to be at a destination and proven is not ready. A job that cannot be had says so and why, and leaves the other jobs alone.
package dispatch
