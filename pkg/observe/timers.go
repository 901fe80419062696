package observe

import (
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Timer is something that the daemon does on a schedule.
type Timer struct {
	Name string `json:"name"`
	// EverySeconds is the schedule.
	EverySeconds int64 `json:"every_seconds"`
	// Next is when it is due; Running since when it runs now, null if it does not.
	Next    time.Time  `json:"next"`
	Running *time.Time `json:"running_since"`
	// Last is when it last ended, and LastDone when it last came to its end; null: never.
	Last     *time.Time `json:"last"`
	LastDone *time.Time `json:"last_done"`
	// TookSeconds of the last run, and its outcome: done, wrong (done, and something is not as it should be), skipped (a budget or a pause forbade it),
	// failed or interrupted; "" if there was none. Text says what it found, or why it did not come to its end.
	TookSeconds float64 `json:"took_seconds"`
	Outcome     string  `json:"outcome"`
	Text        string  `json:"text"`
	// Failed is how many runs in a row failed.
	Failed int `json:"failed_in_a_row"`
}

// ListTimers tells of all that is done on a schedule, by name.
func (r *Reader) ListTimers() ([]Timer, error) {
	list := []Timer{}
	err := r.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Timers(func(t manifest.Timer) (bool, error) {
			list = append(list, timerOf(t))
			return true, nil
		})
	})
	return list, err
}

func timerOf(t manifest.Timer) Timer {
	return Timer{
		Name: t.Name, EverySeconds: t.EveryMs / 1000, Next: t.Next.Time().UTC(), Running: timeOf(t.Started), Last: timeOf(t.Last), LastDone: timeOf(t.Well),
		TookSeconds: float64(t.TookMs) / 1000, Outcome: t.Outcome, Text: t.Text, Failed: t.Failed,
	}
}
