// Package metrics shows Prometheus how things stand, as pkg/observe reads them.
//
// # What a scrape costs
//
// Everything is read when somebody asks. What is a walk over many records is read by pkg/observe now and then, and a scrape never waits longer than
// a few seconds for a reading: it then shows what was read before, and datagravity_reading_age_seconds says how old that is.
//
// # How many series there can be
//
// Labels are names of the configuration (stores, datasets, destinations, budgets), and small sets (states, ways, kinds). Jobs are counted by state; one
// by one they are shown only while they are not ready, and at most [mostJobs] of them, those with the least time left first. Of pairs of dataset and
// destination, and of the like, at most [mostPairs] are shown. What is left out is counted by datagravity_left_out_series. Paths of shards, ids of
// snapshots and texts of errors are never labels.
package metrics
