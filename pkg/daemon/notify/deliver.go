package notify

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	// firstPause and lastPause are the times between attempts, doubled from one to the next, each from half to one and a half times as long.
	firstPause, lastPause = 5 * time.Second, time.Hour
	// longestSleep of a worker: what nobody tells it of, a clock that was set, is seen after that.
	longestSleep = 10 * time.Minute
	// mostWhy is kept of why an attempt failed.
	mostWhy = 500
)

// pause is the time until the next attempt, after so many that failed.
func pause(attempts int) time.Duration {
	d := lastPause
	if attempts < 12 {
		d = min(firstPause<<max(0, attempts-1), lastPause)
	}
	return d/2 + rand.N(d)
}

// work delivers to one target, one notice after the other.
func (n *Notifier) work(ctx context.Context, t Target, wake <-chan struct{}) {
	for ctx.Err() == nil {
		next, due, err := n.due(t.Name)
		sleep := longestSleep
		switch {
		case err != nil:
			n.o.Log.Warn("notifications cannot be read", "target", t.Name, "error", err)
			sleep = time.Minute
		case due:
			if err := n.deliver(ctx, t, next); err != nil {
				n.o.Log.Warn("what became of a notification could not be recorded; it may be told again", "target", t.Name, "error", err)
				sleep = time.Minute
				break
			}
			continue
		case next.Next != 0:
			sleep = min(sleep, next.Next.Time().Sub(n.o.Manifest.Now())+time.Millisecond)
		}
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due is the oldest notice of a target whose time has come, else the one whose time comes next.
func (n *Notifier) due(target string) (next manifest.Notice, due bool, err error) {
	now := manifest.At(n.o.Manifest.Now())
	err = n.o.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Notices(target, func(one manifest.Notice) (bool, error) {
			if one.Next <= now {
				next, due = one, true
				return false, nil
			}
			if next.Next == 0 || one.Next < next.Next {
				next = one
			}
			return true, nil
		})
	})
	return next, due, err
}

// deliver makes one attempt, and records what became of it.
func (n *Notifier) deliver(ctx context.Context, t Target, one manifest.Notice) error {
	now := n.o.Manifest.Now()
	failed := t.Sender.Send(ctx, messageOf(one, now))
	if failed != nil && ctx.Err() != nil {
		return nil //nolint:nilerr // it was stopped: no fault of the target's
	}
	over := one.At.Time().Add(keptFor)
	one.Attempts++
	if failed != nil {
		one.Why = failed.Error()
		if len(one.Why) > mostWhy {
			one.Why = one.Why[:mostWhy]
		}
		wait := max(n.o.wait(one.Attempts), waitAsked(failed))
		one.Next = manifest.At(n.o.Manifest.Now().Add(wait))
	}
	gone := failed == nil || !one.Next.Time().Before(over)
	err := n.o.Manifest.Update(func(tx *manifest.Tx) error {
		if gone {
			return tx.DeleteNotice(one)
		}
		return tx.PutNotice(one)
	})
	if err != nil {
		return err
	}
	log := n.o.Log.With("target", t.Name, "event", one.Event, "id", one.ID)
	n.mu.Lock()
	c := n.counts[t.Name]
	if c == nil { // it was taken out of the configuration meanwhile
		c = &Counts{}
	}
	switch {
	case failed == nil:
		c.Delivered++
	case gone:
		c.GivenUp++
	default:
		c.Failed++
	}
	if gone {
		c.Pending = max(0, c.Pending-1)
	}
	n.mu.Unlock()
	switch {
	case failed == nil:
		log.Debug("a notification was delivered", "attempts", one.Attempts)
	case gone:
		log.Error("a notification is given up, after a day; datagravity notify test shows what the target answers", "attempts", one.Attempts, "error", failed)
	case one.Attempts == 1:
		log.Warn("a notification could not be delivered; it is tried again for a day", "error", failed)
	default:
		log.Info("a notification could not be delivered again", "attempts", one.Attempts, "error", failed)
	}
	return nil
}
