package sync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// newEdge is a rig whose agent stands beside the destination, so that reading the source is paid and reading the destination is not. The
// destination copies no ranges, as Google Cloud Storage does not.
func newEdge(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.agent = r.dst.Location
	r.dst.Store = wholeObjects{r.dest}
	return r
}

// wholeObjects copies no ranges.
type wholeObjects struct{ *mem.Store }

func (s wholeObjects) Capabilities() store.Capabilities {
	c := s.Store.Capabilities()
	c.CopiesParts = false
	return c
}

func (s wholeObjects) CopyPart(context.Context, store.Upload, store.PartCopy) (store.Part, error) {
	return store.Part{}, &store.Error{Kind: store.ErrUnsupported, Op: "part-copy"}
}

// pulled wants so many shards to be pulled, and at most so many bytes of the source to be read.
func (r *rig) pulled(shards int, atMost int64) Report {
	r.t.Helper()
	read := r.source.Stats()["read"].ReceivedBytes
	rep := r.mustSync()
	if got := rep.Ways[plan.Pull].Shards; got != shards {
		r.t.Errorf("%s, want %d pulled", ways(rep.Summary), shards)
	}
	if got := r.source.Stats()["read"].ReceivedBytes - read; got > atMost || rep.MovedBytes > atMost {
		r.t.Errorf("%d bytes of the source were read, %d counted, want at most %d", got, rep.MovedBytes, atMost)
	}
	r.equal()
	r.nothingOpen()
	return rep
}

func TestChangedShardIsPulled(t *testing.T) {
	r := newEdge(t)
	old := data(1, 12<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 4<<20, 1000))
	r.index()
	rep := r.pulled(1, 3*3*128<<10)
	if rep.ReusedBytes < 11<<20 || rep.ReusedBytes+rep.MovedBytes != 12<<20 {
		t.Errorf("%d bytes were read back and %d moved, want all of %d", rep.ReusedBytes, rep.MovedBytes, 12<<20)
	}
	if again := r.mustSync(); ways(again.Summary) != "have:1 " {
		t.Errorf("the next sync: %s", ways(again.Summary))
	}
}

// What was cut into other shards, in another order, has no new byte.
func TestReshuffledShardsArePulledFromSeveral(t *testing.T) {
	r := newEdge(t)
	blocks := make([][]byte, 12)
	for i := range blocks {
		blocks[i] = data(uint64(i), 1<<20)
	}
	shards := func(order []int) {
		for i, path := range []string{"a.bin", "b.bin", "c.bin"} {
			var b []byte
			for _, n := range order[4*i : 4*i+4] {
				b = append(b, blocks[n]...)
			}
			r.put(path, b)
		}
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(12)
	shards(order)
	r.mustSync()
	slices.Reverse(order)
	order[0], order[7] = order[7], order[0]
	shards(order)
	r.index()
	// A block's first and last chunks are new where its neighbours are.
	r.pulled(3, 12*2*2*128<<10)
}

// An agent beside the source would pay for every byte that it reads back.
func TestNothingIsPulledWhereReadingBackIsPaid(t *testing.T) {
	r := newEdge(t)
	r.agent = store.Location{}
	old := data(1, 4<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 2<<20, 1000))
	if rep := r.mustSync(); ways(rep.Summary) != "full:1 " {
		t.Errorf("%s, want it to come whole", ways(rep.Summary))
	}
}

// Where the destination puts together exactly what is needed without its bytes passing the agent, that is better.
func TestDestinationThatCopiesRangesIsLeftToDoSo(t *testing.T) {
	r := newRig(t)
	r.agent = r.dst.Location
	r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 1}})
	r.dst.Store = r.dest
	old := data(1, 4<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 2<<20, 1000))
	r.index()
	if rep := r.mustSync(); ways(rep.Summary) != "assemble:1 " {
		t.Errorf("%s, want it put together at the destination", ways(rep.Summary))
	}
}

// Somebody replaced or damaged what is read at the destination: it is noticed by its ETag or its bytes, nothing wrong is written, and it
// comes from the source.
func TestWhatIsPulledIsNotWhatItWas(t *testing.T) {
	for name, harm := range map[string]func(r *rig){
		"replaced": func(r *rig) { putObject(r.t, r.dest, "data/c4/old.bin", data(9, 6<<20)) },
		"removed":  func(r *rig) { deleteObject(r.t, r.dest, "data/c4/old.bin") },
		"damaged":  func(r *rig) { r.dest.Damage("data/c4/old.bin", 3<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newEdge(t)
			old := data(1, 6<<20)
			r.put("old.bin", old)
			r.mustSync()
			r.put("new.bin", append(data(2, 100_000), old...))
			r.index()
			harm(r)
			rep, err := r.sync()
			if got := readObject(t, r.dest, "data/c4/new.bin"); chunker.Sum(got) != chunker.Sum(readObject(t, r.source, "c4/new.bin")) {
				t.Errorf("wrong bytes (%s, %v)", ways(rep.Summary), err)
			}
			r.nothingOpen()
		})
	}
}

// A read that arrives wrong from the source is made again; twice wrong is an error, and nothing is at the destination.
func TestPulledBytesAreProven(t *testing.T) {
	for times, fails := range map[int]bool{1: false, 100: true} {
		r := newEdge(t)
		old := data(1, 4<<20)
		r.put("a.bin", old)
		r.mustSync()
		r.put("a.bin", edited(old, 2<<20, 1000))
		r.index()
		r.src.Store = fault.Wrap(r.source, fault.Plan{Seed: 3, Rules: []fault.Rule{{Kind: fault.CorruptRead, Op: "read", Times: times}}})
		rep, err := r.sync()
		switch {
		case fails && (!errors.Is(err, ErrFailed) || chunker.Sum(readObject(t, r.dest, "data/c4/a.bin")) != chunker.Sum(old)):
			t.Errorf("%d wrong reads: %s, %v; want a failure and the old object", times, ways(rep.Summary), err)
		case !fails && (err != nil || rep.Ways[plan.Pull].Shards != 1):
			t.Errorf("%d wrong read: %s, %v", times, ways(rep.Summary), err)
		}
	}
}

// A process that ended in the middle of a pull goes on from its parts.
func TestPullGoesOn(t *testing.T) {
	r := newEdge(t)
	old := data(1, 12<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 1<<20, 1000))
	r.index()
	r.options.PartsPerShard = 1
	r.dst.Store = fault.Wrap(wholeObjects{r.dest}, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "part", Nth: 6, Err: store.ErrTransient}}})
	if _, err := r.sync(); !errors.Is(err, ErrFailed) {
		t.Fatalf("the first sync: %v", err)
	}
	r.dst.Store = wholeObjects{r.dest}
	sent := r.dest.Stats()["part"].SentBytes
	r.pulled(1, 12*2*128<<10)
	if got := r.dest.Stats()["part"].SentBytes - sent; got > 9<<20 {
		t.Errorf("%d bytes were sent again", got)
	}
}

// The plan of an agent beside the source says what another one beside the destination would save.
func TestPlanTellsWhatAnAgentBesideTheDestinationWouldSave(t *testing.T) {
	r := newEdge(t)
	r.agent = store.Location{}
	old := data(1, 64<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 16<<20, 1000))
	r.index()
	s := r.open()
	defer r.close()
	for _, compare := range []bool{false, true} {
		q := r.request()
		q.Compare = compare
		p, err := s.Plan(context.Background(), q)
		if err == nil {
			err = p.Weigh(s.Ledger, s.Manifest, s.Engine.PartBytes(), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Alternatives, func(a plan.Alternative) bool { return a.What == "an agent in aws:us-east-1" })
		if i < 0 {
			t.Fatalf("no such alternative: %+v", p.Alternatives)
		}
		a := p.Alternatives[i]
		if pulls := strings.Contains(a.How, "role: edge"); pulls != compare || pulls != (a.USD < p.Estimate.USD/20) {
			t.Errorf("compare=%v: it costs %s there, %s here (%s)", compare, a.USD, p.Estimate.USD, a.How)
		}
	}
}

// Every new shard is made of all old ones, and each replaces one of them, with few moved at the same time: nothing is replaced before all have read it.
func TestDealtOutAnewInPlace(t *testing.T) {
	for name, newOne := range map[string]func(testing.TB) *rig{"pull": newEdge, "assemble": newRig} {
		t.Run(name, func(t *testing.T) {
			r := newOne(t)
			r.options.Shards = 2
			const shards, blocks = 8, 8
			deal := func(order []int) {
				for i := range shards {
					var b []byte
					for _, n := range order[i*blocks : (i+1)*blocks] {
						b = append(b, data(uint64(n), 300<<10)...)
					}
					r.put(fmt.Sprintf("%d.bin", i), b)
				}
			}
			order := rand.New(rand.NewPCG(1, 2)).Perm(shards * blocks)
			deal(order)
			r.mustSync()
			rand.New(rand.NewPCG(3, 4)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			deal(order)
			r.index()
			rep := r.mustSync()
			// A block's first and last chunks are new where its neighbours are.
			if rep.Ways[plan.Pull].Shards+rep.Ways[plan.Assemble].Shards != shards || rep.MovedBytes > shards*blocks*3*64<<10 ||
				rep.MovedBytes+rep.ReusedBytes != shards*blocks*300<<10 {
				t.Errorf("%s, %d bytes moved, %d reused", ways(rep.Summary), rep.MovedBytes, rep.ReusedBytes)
			}
			r.equal()
			r.nothingOpen()
		})
	}
}
