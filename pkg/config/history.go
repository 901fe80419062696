package config

import "time"

// The defaults of what the manifest keeps.
const (
	defaultHistoryKeep  = Duration(90 * 24 * time.Hour)
	defaultHistoryEvery = Duration(24 * time.Hour)
	defaultShardCosts   = Duration(90 * 24 * time.Hour)
	defaultJobCosts     = Duration(1100 * 24 * time.Hour)

	leastHistoryKeep  = Duration(time.Minute)
	mostHistoryKeep   = Duration(3660 * 24 * time.Hour)
	leastHistoryEvery = Duration(10 * time.Second)
)

func (d *document) fillInHistory(h *History) {
	f := field{"agent", "history"}
	fill(d, f.Child("keep"), &h.Keep, defaultHistoryKeep)
	fill(d, f.Child("shard_costs"), &h.ShardCosts, defaultShardCosts)
	fill(d, f.Child("job_costs"), &h.JobCosts, defaultJobCosts)
	fill(d, f.Child("every"), &h.Every, defaultHistoryEvery)
}

func (d *document) checkHistory(h History) {
	f := field{"agent", "history"}
	for _, length := range []struct {
		name string
		v    Duration
	}{{"keep", h.Keep}, {"shard_costs", h.ShardCosts}, {"job_costs", h.JobCosts}} {
		if length.v != 0 {
			d.checkBetween(f.Child(length.name), length.v, leastHistoryKeep, mostHistoryKeep)
		}
	}
	d.checkBetween(f.Child("every"), h.Every, leastHistoryEvery, mostEvery)
}
