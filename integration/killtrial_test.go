package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
)

// A sync of the real program from Azurite to a real server is killed with SIGKILL at a random moment, in every third trial twice. The next one finishes: every
// object is right, nothing is left open, the account has at least what the shards have, and a repeat moves nothing.
func TestKilledAtAMomentOfASeed(t *testing.T) {
	proof.Run(t, "kill", 51, func(t *testing.T, seed uint64) {
		dest := []string{"s3", "gcs", "lab"}[seed%3]
		r := newRig(t, "1MiB")
		rnd := rand.New(rand.NewPCG(seed, 5))
		var payload int64
		for i := range 3 {
			b := random(seed<<8+uint64(i), 1<<20+rnd.IntN(5<<20)) //nolint:gosec // a few
			payload += int64(len(b))
			r.put(fmt.Sprintf("big-%d.tar", i), b)
		}
		for i := range 4 {
			b := random(seed<<8+100+uint64(i), rnd.IntN(50_000)) //nolint:gosec // a few
			payload += int64(len(b))
			r.put(fmt.Sprintf("small-%d.tar", i), b)
		}
		for range 1 + seed%9/6 { // twice, for each of the destinations
			r.killed(dest, time.Duration(20+rnd.IntN(400))*time.Millisecond)
		}
		if rep := r.sync(dest); !rep.Ready {
			t.Errorf("%+v", rep)
		}
		r.equal(dest)
		r.want(0, "gc", "--older-than", "0s", "--yes")
		uploads, err := r.dests[dest].ListUploads(context.Background(), "")
		if err != nil || len(uploads) != 0 {
			t.Errorf("left open: %v, %v", uploads, err)
		}
		if again := r.sync(dest); again.Moved != 0 {
			t.Errorf("a repeat moved %d bytes", again.Moved)
		}
		var budgets []struct {
			Spent int64 `json:"spent_bytes"`
		}
		if err := json.Unmarshal([]byte(r.want(0, "budget", "--json")), &budgets); err != nil || len(budgets) != 1 || budgets[0].Spent < payload {
			t.Errorf("the account has %+v, the shards have %d bytes; %v", budgets, payload, err)
		}
	})
}
