package daemon

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// patient is a process whose pulse is felt.
type patient struct {
	*Pulse
	moved atomic.Int64
	mu    sync.Mutex
	work  []string
	waits string
	stuck chan struct{} // Probe waits for it; nil: it does not
	err   error
}

func (p *patient) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// inPulse lets f act beside a pulse with a limit of ten minutes.
func inPulse(t *testing.T, f func(t *testing.T, p *patient)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{}
		p.Pulse = &Pulse{
			Now:   time.Now,
			Limit: 10 * time.Minute, Moved: p.moved.Load,
			Work:    func() []string { p.mu.Lock(); defer p.mu.Unlock(); return p.work },
			Waiting: func() string { p.mu.Lock(); defer p.mu.Unlock(); return p.waits },
			Probe: func() error {
				p.mu.Lock()
				stuck, err := p.stuck, p.err
				p.mu.Unlock()
				if stuck != nil {
					<-stuck
				}
				return err
			},
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); p.Run(ctx) }()
		synctest.Wait()
		f(t, p)
		cancel()
		<-done
	})
}

func (p *patient) want(t *testing.T, healthy bool, words ...string) {
	t.Helper()
	synctest.Wait()
	ok, why := p.Healthy()
	if ok != healthy || (why == "") != healthy {
		t.Errorf("healthy %v: %q", ok, why)
	}
	for _, w := range words {
		if !strings.Contains(why, w) {
			t.Errorf("it says %q, without %q", why, w)
		}
	}
}

// passes are made every five minutes, as an idle daemon's.
func (p *patient) idle(n int) {
	for range n {
		ended := p.Pass()
		time.Sleep(time.Second)
		ended()
		time.Sleep(5 * time.Minute)
	}
}

func TestIdleIsHealthy(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		for range 10 {
			p.idle(5)
			p.want(t, true)
		}
	})
}

// A move that does not move is stuck after the limit, whatever passes do and read meanwhile; when it moves again, it is not.
func TestWorkThatDoesNotMoveIsStuck(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		p.set(func() { p.work = []string{"job 1 to lab"} })
		for range 11 {
			ended := p.Pass()
			p.moved.Add(1000) // what the pass reads
			time.Sleep(time.Second)
			ended()
			time.Sleep(50 * time.Second)
		}
		p.want(t, true)
		time.Sleep(2 * time.Minute)
		p.want(t, false, "nothing has moved for", "job 1 to lab")
		p.moved.Add(1)
		time.Sleep(20 * time.Second)
		p.want(t, true)
		time.Sleep(11 * time.Minute)
		p.want(t, false)
		p.set(func() { p.work = nil })
		time.Sleep(20 * time.Second)
		ended := p.Pass()
		ended()
		p.want(t, true)
	})
}

// Whatever moves a little now and then is not stuck, however slowly.
func TestSlowWorkIsHealthy(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		p.set(func() { p.work = []string{"job 1 to lab"} })
		for range 20 {
			ended := p.Pass()
			ended()
			time.Sleep(9 * time.Minute)
			p.want(t, true)
			p.moved.Add(1)
		}
	})
}

// One job after the other is work that goes on, though none of them is seen to move.
func TestBeginningAndEndingIsMoving(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		for i := range 10 {
			p.set(func() { p.work = []string{strings.Repeat("x", i+1)} })
			time.Sleep(9 * time.Minute)
			p.Pass()()
			p.want(t, true)
		}
	})
}

// While a store asked for a pause, nothing needs to move.
func TestWhatWaitsIsNotStuck(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		p.set(func() { p.work, p.waits = []string{"job 1 to lab"}, "store lab asked for a pause" })
		for range 8 {
			time.Sleep(5 * time.Minute)
			p.Pass()()
		}
		p.want(t, true)
		p.set(func() { p.waits = "" })
		time.Sleep(11 * time.Minute)
		p.want(t, false)
	})
}

func TestAPassThatDoesNotMoveIsStuck(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		ended := p.Pass()
		for range 20 {
			p.moved.Add(1) // a long listing
			time.Sleep(5 * time.Minute)
		}
		p.want(t, true)
		time.Sleep(10*time.Minute + 30*time.Second)
		p.want(t, false, "the pass that began at")
		ended()
		p.want(t, true)
		time.Sleep(longest + 11*time.Minute)
		p.want(t, false, "no pass has begun since")
	})
}

func TestTimersAreWork(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		ended := p.Began("verify")
		time.Sleep(11 * time.Minute)
		p.want(t, false, "verify")
		ended()
		p.Pass()()
		p.want(t, true)
	})
}

// Locks that cannot be had are a wedge even while nothing is to be done, and so is a manifest that cannot be used.
func TestHeldLocksAreAWedge(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		stuck := make(chan struct{})
		p.set(func() { p.stuck = stuck })
		time.Sleep(time.Minute)
		p.want(t, true)
		time.Sleep(probeMost)
		p.want(t, false, "the locks of the manifest")
		p.set(func() { p.stuck = nil })
		close(stuck)
		p.want(t, true)
		p.set(func() { p.err = errors.New("the manifest is damaged") })
		time.Sleep(time.Minute)
		p.want(t, false, "the manifest is damaged")
	})
}

// Between two configurations there are no passes, for as long as that may take.
func TestAChangeOfConfigurationsIsBusy(t *testing.T) {
	inPulse(t, func(t *testing.T, p *patient) {
		ended := p.Busy("the change", 45*time.Minute)
		time.Sleep(40 * time.Minute)
		p.want(t, true)
		time.Sleep(6 * time.Minute)
		p.want(t, false, "the change takes too long")
		ended()
		p.want(t, true)
		p.Ended("the work did not stop")
		p.want(t, false, "the loop is over: the work did not stop")
	})
}

// Who was not allowed to run for hours, by a debugger or SIGSTOP, did not stand still.
func TestALateLookIsOneLook(t *testing.T) {
	p := &Pulse{Now: time.Now, Limit: 10 * time.Minute, at: time.Now()}
	p.advance(p.at.Add(time.Second), 0, []string{"w"}, false)
	p.advance(p.at.Add(5*time.Hour), 0, []string{"w"}, false)
	if p.workQuiet > time.Minute {
		t.Errorf("it stood still for %s", p.workQuiet)
	}
}
