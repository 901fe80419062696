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

// The real program is killed with SIGKILL, in every second trial at a moment of the seed while it synchronizes from Azurite to a real server, in the others at a
// point. What it was doing is done again, and ends well: every object is right, nothing is left open, the account has at least what the server was sent, and a
// repeat moves nothing.
func TestKilledAtAMomentOfASeed(t *testing.T) {
	proof.RunTogether(t, "kill", 68, func(t *testing.T, seed uint64) {
		if seed%2 == 1 {
			killedAtAPoint(t, seed)
			return
		}
		dest := killDests[seed/2%3]
		r := newRig(t, "1MiB")
		rnd := rand.New(rand.NewPCG(seed, 5))
		r.putSeed(seed, rnd, 2)
		for range 1 + seed/2%9/6 { // twice, for each of the destinations
			r.killed(dest, time.Duration(20+rnd.IntN(400))*time.Millisecond)
		}
		r.goesOn(dest, 0)
	})
}

var killDests = []string{"s3", "gcs", "lab"}

// putSeed writes a shard that is sent in parts, as those above 8 MiB are, so many that are sent at once, and four small ones.
func (r *rig) putSeed(seed uint64, rnd *rand.Rand, whole int) {
	r.t.Helper()
	r.put("parts.tar", random(seed<<8+200, 8<<20+1+rnd.IntN(5<<20)))
	for i := range whole {
		r.put(fmt.Sprintf("big-%d.tar", i), random(seed<<8+uint64(i), 1<<20+rnd.IntN(5<<20))) //nolint:gosec // a few
	}
	for i := range 4 {
		r.put(fmt.Sprintf("small-%d.tar", i), random(seed<<8+100+uint64(i), rnd.IntN(50_000))) //nolint:gosec // a few
	}
}

// goesOn wants all to end well after kills. The account must have what the shards have, and what was seen on the wire.
func (r *rig) goesOn(dest string, wire int64) {
	r.t.Helper()
	if rep := r.sync(dest); !rep.Ready {
		r.t.Errorf("%+v", rep)
	}
	r.equal(dest)
	r.want(0, "gc", "--older-than", "0s", "--yes")
	uploads, err := r.dests[dest].ListUploads(context.Background(), "")
	if err != nil || len(uploads) != 0 {
		r.t.Errorf("left open: %v, %v", uploads, err)
	}
	if again := r.sync(dest); again.Moved != 0 {
		r.t.Errorf("a repeat moved %d bytes", again.Moved)
	}
	var payload int64
	for _, b := range r.files {
		payload += int64(len(b))
	}
	var budgets []struct {
		Spent int64 `json:"spent_bytes"`
	}
	if err := json.Unmarshal([]byte(r.want(0, "budget", "--json")), &budgets); err != nil || len(budgets) != 1 || budgets[0].Spent < max(payload, wire) {
		r.t.Errorf("the account has %+v, the shards have %d bytes, the server was sent %d; %v", budgets, payload, wire, err)
	}
}
