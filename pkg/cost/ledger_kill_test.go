package cost

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// TestMain lets the test program play the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CRASH_IN"); dir != "" {
		fmt.Println("ended:", crashAt(dir, os.Getenv("CRASH_AT"), os.Getenv("READ_FROM")))
		os.Exit(1)
	}
	if dir := os.Getenv("SPEND_IN"); dir != "" {
		fmt.Println("ended:", spend(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	spenders   = 8
	spendBytes = 100
)

// spend reserves 100 bytes and settles 50, in several goroutines, and says what it did after it did it, until it is killed.
func spend(dir string) error {
	m, err := manifest.OpenDir(dir, manifest.Options{})
	if err != nil {
		return err
	}
	l, err := OpenLedger(m, LedgerOptions{Book: Default(), Budgets: []Budget{{Name: "b", LimitNanoUSD: USD}}})
	if err != nil {
		return err
	}
	var g errgroup.Group
	for range spenders {
		g.Go(func() error {
			for {
				ticket, err := l.Reserve([]Crossing{over(toS3, spendBytes)}, nil)
				if err != nil {
					return err
				}
				fmt.Println("reserved") // one write, so that lines do not mix
				if err := ticket.Settle([]Moved{{Bytes: spendBytes / 2}}); err != nil {
					return err
				}
				fmt.Println("settled")
			}
		})
	}
	return g.Wait()
}

// Processes that spend are killed at random moments. Everything they said they had reserved or settled is there, and
// nothing that they had not begun; also when the manifest is lost then, or one from before is put back.
func TestKilledProcesses(t *testing.T) {
	r := &ledgerRig{dir: memoryDir(t), now: time.Now(), budgets: []Budget{{Name: "b", LimitNanoUSD: USD}}}
	copied := &ledgerRig{dir: memoryDir(t), now: r.now, budgets: r.budgets}
	rnd := rand.New(rand.NewPCG(3, 4))
	var least, most NanoUSD
	total, saved := 0, false
	for round := range 10 {
		reserved, settled := killed(t, r.dir, time.Duration(rnd.IntN(150))*time.Millisecond)
		total += settled
		least += NanoUSD(settled)*spendBytes/2 + NanoUSD(reserved-settled)*spendBytes/2
		most += NanoUSD(settled)*spendBytes/2 + NanoUSD(reserved-settled)*spendBytes + spenders*spendBytes

		// The same files, as they were left, without the manifest, and with an older one.
		for _, old := range []bool{false, true} {
			if err := errors.Join(os.RemoveAll(copied.dir), os.CopyFS(copied.dir, os.DirFS(r.dir)), os.Remove(copied.file("manifest.db"))); err != nil {
				t.Fatal(err)
			}
			if old && saved {
				restore("saved")(copied)
			}
			copied.open(t)
			got := copied.use(t, "b").Settled
			if err := copied.m.Close(); err != nil {
				t.Fatal(err)
			}
			if got < least {
				t.Fatalf("round %d: %d without the newest manifest (older one: %v), at least %d were spent", round, got, old && saved, least)
			}
		}
		if rnd.IntN(2) == 0 {
			r.save(t, "saved")
			saved = true
		}
		r.open(t)
		u := r.use(t, "b")
		if u.Reserved != 0 || u.Settled < least || u.Settled > most {
			t.Fatalf("round %d: %d settled and %d reserved, want %d to %d", round, u.Settled, u.Reserved, least, most)
		}
		least, most = u.Settled, u.Settled
		if err := r.m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d reservations were settled in all", total)
	if total < 100 {
		t.Errorf("only %d reservations were settled: this tests nothing", total)
	}
}

// killed starts a process, kills it a while after its first word, and returns how often it said what.
func killed(t *testing.T, dir string, after time.Duration) (reserved, settled int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPEND_IN="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if reserved+settled == 0 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		switch lines.Text() {
		case "reserved":
			reserved++
		case "settled":
			settled++
		default:
			t.Error(lines.Text())
		}
	}
	_ = cmd.Wait()
	return reserved, settled
}
