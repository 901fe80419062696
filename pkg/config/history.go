package config

import "time"

// The defaults of what the manifest keeps.
const (
	defaultHistoryKeep  = Duration(90 * 24 * time.Hour)
	defaultHistoryEvery = Duration(24 * time.Hour)

	leastHistoryKeep  = Duration(time.Minute)
	mostHistoryKeep   = Duration(3660 * 24 * time.Hour)
	leastHistoryEvery = Duration(10 * time.Second)
)

func (d *document) fillInHistory(h *History) {
	f := field{"agent", "history"}
	fill(d, f.Child("keep"), &h.Keep, defaultHistoryKeep)
	fill(d, f.Child("every"), &h.Every, defaultHistoryEvery)
}

func (d *document) checkHistory(h History) {
	f := field{"agent", "history"}
	if h.Keep != 0 {
		d.checkBetween(f.Child("keep"), h.Keep, leastHistoryKeep, mostHistoryKeep)
	}
	d.checkBetween(f.Child("every"), h.Every, leastHistoryEvery, mostEvery)
}
