package admission

import (
	"fmt"
	"slices"
	"strings"
	"time"

	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// Limits of waiting.
type Limits struct {
	// Pending is how long quota may wait for data.
	Pending time.Duration
	// Retry is the longest time until a Workload is queued again: what is expected of the data changes meanwhile. Kueue 0.17.0 takes quota away only when
	// that time is over, and admits nothing before, so that it is also how long data that came early may lie there.
	Retry time.Duration
}

// DefaultLimits are a minute, and five.
var DefaultLimits = Limits{Pending: time.Minute, Retry: 5 * time.Minute}

const (
	// leastRetry keeps Kueue from queueing a Workload again and again for seconds that count for nothing.
	leastRetry = 10 * time.Second
	// unknownRetry is when nobody knows when the data will be there.
	unknownRetry = 2 * time.Minute
	// quiet is how long a job may be without a plan before its Workload says so: a pass of the daemon mostly takes less.
	quiet = 10 * time.Second
)

// Facts are what an entry follows from.
type Facts struct {
	// Reserved since when quota is reserved; zero: it is not.
	Reserved time.Time
	// Wrong is what is wrong with the declaration, nil if nothing is.
	Wrong error
	// Jobs that must be ready; none: no data is asked for.
	Jobs []staging.Standing
	// Silence of the daemon, nil while it answers, and Where it is.
	Silence *staging.Silence
	Where   string
	Now     time.Time
}

// Verdict is what an entry becomes.
type Verdict struct {
	State   kueue.CheckState // "": it stays as it is
	Message string
	// Requeue with Retry.
	Requeue time.Duration
	// Again is after how long the same facts have another verdict; 0: never.
	Again time.Duration
	// Mistaken: what is wrong is the declaration, and a Warning says so.
	Mistaken bool
}

// Decide is a function of its arguments.
func Decide(f Facts, l Limits) Verdict {
	reserved := !f.Reserved.IsZero()
	if f.Wrong != nil {
		return f.refuse(oneLine(f.Wrong.Error()), true)
	}
	if len(f.Jobs) == 0 {
		return Verdict{State: kueue.CheckStateReady, Message: "asks for no data"}
	}
	if why, mistaken := refusal(f.Jobs); why != "" && f.Silence == nil {
		return f.refuse(why, mistaken)
	}
	if f.Silence != nil {
		message := oneLine(f.Silence.Says(f.Where, time.TimeOnly+" UTC"))
		begun := f.Silence.Since
		if f.Reserved.After(begun) {
			begun = f.Reserved
		}
		return f.wait(message, begun, l)
	}
	var last *dispatch.Status // that is there last, or nobody knows when
	untold := false
	for i := range f.Jobs {
		s := &f.Jobs[i]
		switch {
		case !s.Told:
			untold = true
		case s.Ready():
		case last == nil || s.Status.ETA == nil || last.ETA != nil && s.Status.ETA.After(*last.ETA):
			if last == nil || last.ETA != nil {
				last = &s.Status
			}
		}
	}
	switch {
	case untold:
		return Verdict{} // it is asked for within a second, and then there is something to tell
	case last == nil && reserved:
		return Verdict{State: kueue.CheckStateReady, Message: "all is there and proven: " + things(f.Jobs)}
	case last == nil:
		return Verdict{State: kueue.CheckStatePending, Message: "all is there, and waits for quota: " + things(f.Jobs)}
	case last.ETA != nil:
		return f.expect(*last, l)
	}
	since := last.Added
	if f.Reserved.After(since) {
		since = f.Reserved
	}
	if young := f.Now.Sub(last.Added); last.State == dispatch.Unresolved && last.Kind == "" && young < quiet {
		return Verdict{Again: quiet - max(0, young)}
	}
	if arrived(*last) {
		return f.wait(thing(*last)+": "+oneLine(last.Why), since, l)
	}
	return f.wait(thing(*last)+" is not there yet, and nobody knows when it will be: "+oneLine(last.Why), since, l)
}

// arrived tells that nothing of a job is missing, though the daemon has not looked at it again and announced it.
func arrived(st dispatch.Status) bool {
	return st.State == dispatch.OnTime && st.ShardCount > 0 && !slices.ContainsFunc(st.Places, func(p dispatch.Place) bool { return p.MissingShards > 0 })
}

// refuse what cannot be had. Without quota nothing is decided: a budget may have room when its turn comes.
func (f Facts) refuse(why string, mistaken bool) Verdict {
	if f.Reserved.IsZero() {
		return Verdict{State: kueue.CheckStatePending, Message: "will be rejected unless that changes: " + why, Mistaken: mistaken}
	}
	return Verdict{State: kueue.CheckStateRejected, Message: why, Mistaken: mistaken}
}

// wait for what nobody knows when it will be, with quota for a while.
func (f Facts) wait(message string, since time.Time, l Limits) Verdict {
	v := Verdict{State: kueue.CheckStatePending, Message: message}
	if f.Reserved.IsZero() {
		return v
	}
	if v.Again = l.Pending - f.Now.Sub(since); v.Again > 0 {
		return v
	}
	return sendBack(message, unknownRetry, l)
}

// sendBack a Workload, whose quota is for others until then.
func sendBack(message string, until time.Duration, l Limits) Verdict {
	return Verdict{State: kueue.CheckStateRetry, Message: message + "; it is queued again then", Requeue: min(until, l.Retry)}
}

// expect data at a time.
func (f Facts) expect(st dispatch.Status, l Limits) Verdict {
	left := st.ETA.Sub(f.Now)
	v := Verdict{State: kueue.CheckStatePending, Message: fmt.Sprintf("%s is expected %s", thing(st), about(*st.ETA, f.Now))}
	if why := st.Why; st.State == dispatch.Held || st.Kind != "" {
		v.Message += ": " + oneLine(why)
	}
	if f.Reserved.IsZero() {
		return v
	}
	held := f.Now.Sub(f.Reserved)
	// One that is there soon waits for it, unless it was said to be there soon for long.
	if v.Again = (l.Pending + left - held + 1) / 2; left <= l.Pending && v.Again > 0 {
		return v
	}
	// Back in the queue when about half of what quota may wait is left: it has to be reserved again.
	return sendBack(v.Message, max(leastRetry, left-l.Pending/2), l)
}

// refusal is why jobs cannot be had at all, "" if they can.
func refusal(list []staging.Standing) (why string, mistaken bool) {
	var all []string
	for _, s := range list {
		switch {
		case !s.Told:
		case s.Refused != "":
			all, mistaken = append(all, oneLine(s.Refused)), true
		case s.Status.State == dispatch.Blocked, s.Status.State == dispatch.Held && s.Status.ETA == nil:
			all = append(all, thing(s.Status)+" cannot be had: "+oneLine(s.Status.Why))
		}
	}
	return strings.Join(all, "; "), mistaken
}
