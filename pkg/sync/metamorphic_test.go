package sync

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/datagravity/datagravity/internal/proof"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// manner is how a plan is carried out: what must make no difference in the end.
type manner struct {
	streams   int
	partBytes int64
	dest      mem.Options
	breaks    bool // a request's answer is lost, and the process with it; another one goes on
	nth       int  // which request
}

var (
	mannerStreams = []int{1, 4, 32}
	mannerParts   = []int64{256 << 10, 1 << 20, 4 << 20}
	// As S3, as Google Cloud Storage, and as one that keeps no checksum of an object, which is read back.
	mannerStores = []mem.Options{
		{Parts: smallParts, ObjectChecksums: []string{"crc64nvme"}}, {Parts: smallParts, ObjectChecksums: []string{"crc32c"}}, {Parts: smallParts, ObjectChecksums: []string{}},
	}
	// Parts are as small as they are asked for, not as S3 wants them.
	smallParts = store.PartLimits{MinBytes: 64 << 10}
)

// mannerOf a seed: the first 54 are all combinations.
func mannerOf(seed uint64) (m manner) {
	pick := func(n int) int {
		i := int(seed % uint64(n)) //nolint:gosec // less than n
		seed /= uint64(n)          //nolint:gosec // a length
		return i
	}
	m.breaks = pick(2) == 1
	m.streams, m.partBytes, m.dest = mannerStreams[pick(3)], mannerParts[pick(3)], mannerStores[pick(3)]
	m.nth = 1 + pick(4)
	return m
}

// outcome is what is left of a plan that was carried out.
type outcome struct {
	objects map[string]chunker.Digest
	use     cost.Use
}

func (m manner) carryOut(t *testing.T, shards map[string][]byte) outcome {
	t.Helper()
	r := newRig(t)
	r.budgets = []cost.Budget{{Name: "all", LimitBytes: 1 << 40}}
	r.dest = mem.New(m.dest)
	r.options.Shards, r.options.PartsPerShard, r.options.PartBytes, r.options.SingleBytes = m.streams, m.streams, m.partBytes, m.partBytes
	r.options.MemoryBytes = 64 << 20
	for path, b := range shards {
		r.put(path, b)
	}
	if m.breaks {
		r.dst.Store = fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{{Kind: fault.After, Op: "part", Nth: m.nth}, {Kind: fault.After, Op: "put", Nth: m.nth}}})
		_, _ = r.sync() // it may be all of it, where so many requests are not made
	}
	r.dst.Store = r.dest
	if rep := r.mustSync(); !rep.Ready {
		t.Fatalf("%+v", rep)
	}
	r.equal()
	uploads, err := r.dest.ListUploads(context.Background(), "")
	if err != nil || len(uploads) != 0 {
		t.Errorf("left open: %v, %v", uploads, err)
	}
	out := outcome{objects: map[string]chunker.Digest{}}
	for _, path := range r.paths() {
		out.objects[path] = chunker.Sum(readObject(t, r.dest, "data/c4/"+path))
	}
	r.open()
	defer r.close()
	uses, err := r.s.Ledger.Uses()
	if err != nil || len(uses) != 1 {
		t.Fatalf("%v, %v", uses, err)
	}
	out.use = uses[0]
	return out
}

// One plan, carried out with few streams or many, in small parts or large ones, to one kind of store or another, at once or by two processes, leaves the same
// objects and costs the same, but for what was in flight when a process ended and what a store that cannot prove an object has read back.
func TestOnePlanInManyManners(t *testing.T) {
	shards := map[string][]byte{"empty.tar": {}, "small.tar": data(1, 3000)}
	var payload int64
	for i := range 3 {
		shards[fmt.Sprintf("big-%d.tar", i)] = data(uint64(10+i), 5<<20+i*77)
	}
	for _, b := range shards {
		payload += int64(len(b))
	}
	plain := manner{streams: 1, partBytes: 1 << 20, dest: mannerStores[0]}.carryOut(t, shards)
	if plain.use.SettledBytes < payload || plain.use.ReservedBytes != 0 {
		t.Fatalf("%d bytes of payload cost %+v", payload, plain.use)
	}
	proof.Run(t, "metamorphic", 54, func(t *testing.T, seed uint64) {
		m := mannerOf(seed)
		got := m.carryOut(t, shards)
		if !maps.Equal(got.objects, plain.objects) {
			t.Errorf("%d streams, parts of %d: other objects: %v, want %v", m.streams, m.partBytes, got.objects, plain.objects)
		}
		most := plain.use.SettledBytes
		if m.breaks { // each stream may have had a part in flight: one that took the rest of its shard in is a quarter larger, and its margin comes on top
			most += int64(m.streams) * int64(m.streams) * m.partBytes * 3 / 2
			most = min(most, 2*plain.use.SettledBytes)
		}
		if sum := got.use.SettledBytes + got.use.ReservedBytes; sum < payload || sum > most {
			t.Errorf("%d streams, parts of %d, breaks at %d: %d settled and %d reserved bytes, want %d to %d", m.streams, m.partBytes, m.nth, got.use.SettledBytes, got.use.ReservedBytes, payload, most)
		}
	})
}
