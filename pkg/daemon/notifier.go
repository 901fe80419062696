package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Notifier tells the service manager how the process stands, as sd_notify(3) has it. It is safe for concurrent use.
type Notifier struct {
	// Send sends a message, if there is a service manager.
	Send func(state string) error
	// Now is the clock.
	Now func() time.Time
	// Monotonic is the machine's clock since its start, in microseconds, which no other clock here counts by.
	Monotonic func() int64
	Log       *slog.Logger

	mu     sync.Mutex
	status string
	sent   time.Time   // when a status was
	later  *time.Timer // sends the status that came too soon after another
	over   bool
}

// statusEvery is how often the status is told at most: every message wakes the service manager.
const statusEvery = time.Second

func (n *Notifier) send(state string) {
	if err := n.Send(state); err != nil {
		n.Log.Warn("the service manager could not be told", "state", state, "error", err)
	}
}

// Ready says that the process answers, at first and after a reload.
func (n *Notifier) Ready(status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	n.told(status)
	n.send("READY=1\nSTATUS=" + status)
}

// Reloading says that the configuration is read again. Ready must follow.
func (n *Notifier) Reloading() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	const status = "reading the configuration again"
	n.told(status)
	n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=%s", n.Monotonic(), status))
}

// Stopping says that the process ends, and within which time. Nothing but the watchdog's food follows it.
func (n *Notifier) Stopping(status string, within time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	n.told(status)
	n.over = true
	n.send(fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", within.Microseconds(), status))
}

// told notes a status that goes out now. The lock is held.
func (n *Notifier) told(status string) {
	n.status, n.sent = status, n.Now()
	if n.later != nil {
		n.later.Stop()
		n.later = nil
	}
}

// Status says what the process does. What follows too soon is told a moment later, and the same again not at all.
func (n *Notifier) Status(status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over || status == n.status {
		return
	}
	n.status = status
	if n.later != nil {
		return // it takes the status there is then
	}
	wait := statusEvery - n.Now().Sub(n.sent)
	if wait <= 0 {
		n.told(status)
		n.send("STATUS=" + status)
		return
	}
	n.later = time.AfterFunc(wait, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.later == nil || n.over {
			return
		}
		n.told(n.status)
		n.send("STATUS=" + n.status)
	})
}

// Watch feeds the service manager's watchdog while healthy says so, until the context ends. interval is the watchdog's; 0: there is none.
func (n *Notifier) Watch(ctx context.Context, interval time.Duration, healthy func() (bool, string)) {
	if interval <= 0 {
		return
	}
	ticker := time.NewTicker(max(interval/3, time.Millisecond))
	defer ticker.Stop()
	starving := false
	for {
		switch ok, why := healthy(); {
		case ok:
			if starving {
				n.Log.Info("the work goes on, and the watchdog is fed again")
			}
			starving = false
			n.send("WATCHDOG=1")
		case !starving:
			starving = true
			n.Log.Error("the work is stuck, and the watchdog is not fed any more: systemd will start the daemon anew", "why", why)
			n.Status("stuck: " + why)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
