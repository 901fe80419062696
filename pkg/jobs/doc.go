// Package jobs says what must be where: which shards of a dataset a run needs, in which order they must arrive, and
// whether they are there and proven.
//
// # Ready
//
// A selection is ready only when every shard of it has a replica whose bytes were proven and that was seen recently. What
// is unknown is not ready. A receipt at the destination says the same to machines that can read nothing else.
package jobs
