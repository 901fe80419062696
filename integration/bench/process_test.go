package main

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// With this set, the test binary is a child that uses memory and CPU, says something and ends with that code, or waits.
const childEnv = "BENCH_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "work":
		held := make([]byte, 64<<20)
		for until := time.Now().Add(300 * time.Millisecond); time.Now().Before(until); {
			for i := 0; i < len(held); i += 512 {
				held[i]++
			}
		}
		runtime.KeepAlive(held)
		os.Stdout.WriteString("done")
		os.Exit(0)
	case "fail":
		os.Stderr.WriteString("why it failed")
		os.Exit(3)
	case "wait":
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func childCommand(kind string) command {
	return command{path: os.Args[0], env: []string{childEnv + "=" + kind}}
}

func TestUsage(t *testing.T) {
	u, err := childCommand("work").run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(u.stdout) != "done" {
		t.Errorf("stdout %q", u.stdout)
	}
	if u.wall < 300*time.Millisecond || u.cpu < 50*time.Millisecond {
		t.Errorf("wall %s, CPU %s", u.wall, u.cpu)
	}
	if peak := mib(u.peakAnonBytes); peak < 64 || peak > 200 {
		t.Errorf("peak of a process that holds 64 MiB: %.0f MiB", peak)
	}
}

func TestFailure(t *testing.T) {
	if _, err := childCommand("fail").run(t.Context()); err == nil || !strings.Contains(err.Error(), "why it failed") {
		t.Errorf("a child that fails: %v", err)
	}
}

func TestKill(t *testing.T) {
	polls := 0
	if err := killWhen(t.Context(), childCommand("wait"), func() bool { polls++; return polls > 20 }); err != nil {
		t.Error(err)
	}
	never := func() bool { return false }
	if err := killWhen(t.Context(), childCommand("work"), never); err == nil || !strings.Contains(err.Error(), "ended before it was killed") {
		t.Errorf("a child that ends by itself: %v", err)
	}
}

func TestCancelEndsChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := childCommand("wait").start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.wait(); err == nil {
		t.Error("a cancelled child ended well")
	}
}
