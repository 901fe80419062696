package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// manager is who is told.
type manager struct {
	mu    sync.Mutex
	start time.Time
	told  []string // with the seconds since the start
}

func (m *manager) notifier() *Notifier {
	m.start = time.Now()
	return &Notifier{Now: time.Now, Log: slog.New(slog.DiscardHandler), Monotonic: func() int64 { return 42 }, Send: func(state string) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = append(m.told, fmt.Sprintf("%.1f %s", time.Since(m.start).Seconds(), strings.ReplaceAll(state, "\n", "|")))
		return nil
	}}
}

func (m *manager) want(t *testing.T, want ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.told, want) {
		t.Errorf("told %q, want %q", m.told, want)
	}
}

// A status is told at most once a second, the latest one always, and the same again never.
func TestStatusIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		n := m.notifier()
		n.Ready("starting")
		for i := range 25 {
			n.Status(fmt.Sprintf("%d shards", i))
			time.Sleep(95 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		n.Status("24 shards")
		n.Status("idle")
		time.Sleep(5 * time.Second)
		m.want(t, "0.0 READY=1|STATUS=starting", "1.0 STATUS=10 shards", "2.0 STATUS=21 shards", "3.0 STATUS=24 shards", "7.4 STATUS=idle")
	})
}

// A reload and the end are told at once, and nothing comes after the end.
func TestReloadAndEndAreToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		n := m.notifier()
		n.Ready("starting")
		n.Status("late")
		n.Reloading()
		n.Ready("with another configuration")
		n.Status("later")
		n.Stopping("ending", 45*time.Second)
		n.Status("too late")
		n.Ready("too late")
		n.Reloading()
		n.Stopping("twice", time.Second)
		time.Sleep(time.Minute)
		m.want(t, "0.0 READY=1|STATUS=starting", "0.0 RELOADING=1|MONOTONIC_USEC=42|STATUS=reading the configuration again",
			"0.0 READY=1|STATUS=with another configuration", "0.0 STOPPING=1|EXTEND_TIMEOUT_USEC=45000000|STATUS=ending")
	})
}

// The watchdog is fed three times in its interval while all is well, and not at all while it is not.
func TestWatchdogIsFedAndStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		n := m.notifier()
		var mu sync.Mutex
		well := true
		set := func(v bool) { mu.Lock(); well = v; mu.Unlock() }
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.Watch(ctx, 30*time.Second, func() (bool, string) { mu.Lock(); defer mu.Unlock(); return well, "no lock" })
		}()
		time.Sleep(25 * time.Second)
		set(false)
		time.Sleep(60 * time.Second)
		set(true)
		time.Sleep(10 * time.Second)
		cancel()
		<-done
		m.want(t, "0.0 WATCHDOG=1", "10.0 WATCHDOG=1", "20.0 WATCHDOG=1", "30.0 STATUS=stuck: no lock", "90.0 WATCHDOG=1")
		n.Watch(context.Background(), 0, func() (bool, string) { t.Error("there is no watchdog"); return true, "" })
	})
}
