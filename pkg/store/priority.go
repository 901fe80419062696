package store

import (
	"context"
	"math"
	"time"
)

// Priority says which of the requests that wait for the same store goes first. It orders waiting alone: nothing under way is
// interrupted, and a request that need not wait does not.
type Priority struct {
	// Slack is the time until the data is needed minus what moving it still takes: how long it could be put off. Less goes
	// first, below zero is late already. 0: nobody said when it is needed, which goes last; what has not a moment to spare
	// says so with the smallest slack below zero.
	Slack time.Duration
	// NanoUSDPerGiB is what crossing costs, in nano-USD per 2^30 bytes. Of requests with the same slack the cheapest goes
	// first, so that a budget that runs out has moved the most.
	NanoUSDPerGiB int64
}

// LastPriority is for what nobody waits for.
var LastPriority = Priority{NanoUSDPerGiB: math.MaxInt64}

type rankKey struct{}

// WithPriority returns a context whose requests have this priority. The slack counts from now: requests that are made later
// under the context have less of it left.
func WithPriority(ctx context.Context, p Priority) context.Context {
	r := Rank{nanoUSDPerGiB: p.NanoUSDPerGiB}
	if p.Slack != 0 {
		r.latest = time.Now().Add(p.Slack)
	}
	return context.WithValue(ctx, rankKey{}, r)
}

// RankOf returns the rank of a context's requests; without a priority the zero Rank: no need-by, and free.
func RankOf(ctx context.Context) Rank {
	r, _ := ctx.Value(rankKey{}).(Rank)
	return r
}

// Rank is a priority at a point in time, so that those of different times compare: slack shrinks while a request waits.
type Rank struct {
	latest        time.Time // to start without being late; zero: no need-by
	nanoUSDPerGiB int64
}

// Compare is below 0 if r goes before o, above 0 if after it, 0 if the one that came first does.
func (r Rank) Compare(o Rank) int {
	switch {
	case r.latest.IsZero() != o.latest.IsZero():
		if o.latest.IsZero() {
			return -1
		}
		return 1
	case !r.latest.Equal(o.latest):
		return r.latest.Compare(o.latest)
	case r.nanoUSDPerGiB < o.nanoUSDPerGiB:
		return -1
	case r.nanoUSDPerGiB > o.nanoUSDPerGiB:
		return 1
	default:
		return 0
	}
}
