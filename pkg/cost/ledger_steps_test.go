package cost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// crashSteps are all the steps of a request that is paid for, in their order, as crashAt goes through them.
var crashSteps = []string{
	"opened", "reserving", "reserved in the manifest", "reserved in the journal", "half received", "received", "settling",
	"settled in the manifest", "settled in the journal", "ended in the manifest", "ended in the journal",
}

const (
	crashRounds = 3 // the process ends in the last one
	crashBytes  = 64 << 10
)

// crashAt reads from a server under reservations, and kills its own process at a step of the last round.
func crashAt(dir, at, url string) error {
	m, err := manifest.OpenDir(dir, manifest.Options{})
	if err != nil {
		return err
	}
	l, err := OpenLedger(m, LedgerOptions{Book: Default(), Budgets: crashBudgets})
	if err != nil {
		return err
	}
	round := 1
	step := func(name string) {
		if name == at && round == crashRounds {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	l.step = step
	for ; round <= crashRounds; round++ {
		step("opened")
		ticket, err := l.Reserve([]Crossing{over(toS3, crashBytes)}, nil)
		if err != nil {
			return err
		}
		n, err := receive(url, step)
		if err != nil {
			return err
		}
		step("settling")
		if strings.HasPrefix(at, "ended") {
			err = ticket.ChargeWhole()
		} else {
			err = ticket.Settle([]Moved{{Bytes: n}})
		}
		if err != nil {
			return err
		}
	}
	return errors.New("it was not killed")
}

func receive(url string, step func(string)) (n int64, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	half, err := io.CopyN(io.Discard, resp.Body, crashBytes/4)
	if err != nil {
		return 0, err
	}
	step("half received")
	rest, err := io.Copy(io.Discard, resp.Body)
	step("received")
	return half + rest, errors.Join(err, resp.Body.Close())
}

var crashBudgets = []Budget{
	{Name: "all", LimitNanoUSD: USD, Period: Period{Kind: Total}},
	{Name: "slides", LimitBytes: 1 << 40, Period: Period{Kind: Rolling, Last: 48 * time.Hour}},
}

// A process dies at every step that there is. What the server counted as sent is covered by what the ledger counts as spent: also when
// the manifest is lost then, or an old one is put back. And never is more counted than the requests can have been.
func TestCrashAtEveryStep(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, _ := w.Write(bytes.Repeat([]byte{'x'}, crashBytes/2)) // half of what was asked for at most
		sent.Add(int64(n))
	}))
	defer server.Close()
	for _, at := range crashSteps {
		t.Run(at, func(t *testing.T) {
			sent.Store(0)
			r := &ledgerRig{dir: memoryDir(t), now: time.Now(), budgets: crashBudgets}
			r.open(t)
			if err := r.m.Close(); err != nil {
				t.Fatal(err)
			}
			r.save(t, "saved") // empty
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "CRASH_IN="+r.dir, "CRASH_AT="+at, "READ_FROM="+server.URL)
			out, err := cmd.Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%v: %s", err, out)
			}
			const most = crashRounds * crashBytes
			var counts []string
			for name, between := range map[string]func(*ledgerRig){"as it was": func(*ledgerRig) {}, "lost": lose, "an old one": restore("saved")} {
				after := &ledgerRig{dir: memoryDir(t), now: r.now, budgets: r.budgets}
				if err := errors.Join(os.RemoveAll(after.dir), os.CopyFS(after.dir, os.DirFS(r.dir))); err != nil {
					t.Fatal(err)
				}
				between(after)
				after.open(t)
				for _, u := range mustUses(t, after) {
					if u.SettledBytes < sent.Load() || u.SettledBytes > most || int64(u.Settled) != u.SettledBytes || u.Reserved != 0 || u.ReservedBytes != 0 || u.Doubt != "" {
						t.Errorf("%s, the manifest %s: %+v, the server sent %d", u.Budget.Name, name, u, sent.Load())
					}
				}
				counts = append(counts, name+" "+strconv.FormatInt(after.use(t, "all").SettledBytes, 10))
				if err := after.m.Close(); err != nil {
					t.Fatal(err)
				}
			}
			t.Log(fmt.Sprintf("the server sent %d; spent with the manifest ", sent.Load()) + strings.Join(counts, ", "))
		})
	}
}
