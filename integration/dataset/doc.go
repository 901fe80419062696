// Package dataset makes training datasets of real shape for the demo, the benchmarks and the end-to-end tests: WebDataset
// shards (tar files of incompressible .jpg members with a .json beside each) and the wids index that lists them.
//
// # What is promised
//
// The same Options make the same bytes on every machine. No shard is kept in memory: a dataset is a description, a few
// dozen bytes a sample, and its bytes are generated while they are written.
//
// # Change
//
// [Dataset.Mutate] makes the next version of a dataset and says what it did, as a team does between two runs: a sample
// replaced, samples inserted, a shard added, renamed and deleted, the index rewritten.
package dataset
