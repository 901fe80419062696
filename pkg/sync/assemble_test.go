package sync

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// edited is a shard of which every so many bytes some were replaced.
func edited(b []byte, every, count int) []byte {
	out := slices.Clone(b)
	for at := every / 2; at+count < len(out); at += every {
		copy(out[at:], data(uint64(at), count))
	}
	return out
}

// assembled syncs and wants every moved shard to be an assembled one.
func (r *rig) assembled(shards int, atMost int64, change ...func(*Request)) Report {
	r.t.Helper()
	sent := r.dest.Stats()["part"].SentBytes
	rep := r.mustSync(change...)
	if got := rep.Ways[plan.Assemble].Shards; got != shards {
		r.t.Errorf("%s, want %d assembled", ways(rep.Summary), shards)
	}
	if got := r.dest.Stats()["part"].SentBytes - sent; got > atMost || rep.MovedBytes > atMost {
		r.t.Errorf("%d bytes were sent in parts, %d counted, want at most %d", got, rep.MovedBytes, atMost)
	}
	r.equal()
	r.nothingOpen()
	return rep
}

// nothingOpen wants no upload and no temporary object to be left.
func (r *rig) nothingOpen() {
	r.t.Helper()
	uploads, err := r.dest.ListUploads(context.Background(), "")
	if err != nil || len(uploads) > 0 {
		r.t.Errorf("left open: %v, %v", uploads, err)
	}
	page, err := r.dest.List(context.Background(), store.ListOptions{Prefix: store.Private + "glue/"})
	if err != nil || len(page.Objects) > 0 {
		r.t.Errorf("left behind: %v, %v", page.Objects, err)
	}
}

func TestChangedShardIsPutTogether(t *testing.T) {
	r := newRig(t)
	old := data(1, 12<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 4<<20, 1000))
	// Three edits, each in a chunk or two of at most 128 KiB.
	rep := r.assembled(1, 3*2*128<<10)
	if rep.ReusedBytes < 11<<20 {
		t.Errorf("%d bytes were copied", rep.ReusedBytes)
	}
	if again := r.mustSync(); ways(again.Summary) != "have:1 " {
		t.Errorf("the next sync: %s", ways(again.Summary))
	}
}

func TestAppendedAndRenamedAndJoinedShards(t *testing.T) {
	r := newRig(t)
	a, b := data(1, 6<<20), data(2, 6<<20)
	r.put("a.bin", a)
	r.put("b.bin", b)
	r.mustSync()
	for _, path := range []string{"a.bin", "b.bin"} {
		deleteObject(t, r.source, "c4/"+path)
	}
	r.put("longer.bin", append(slices.Clone(a), data(3, 300_000)...))
	r.put("joined.bin", append(slices.Clone(b[1<<20:]), a[:3<<20]...))
	r.assembled(2, 300_000+5*128<<10)
}

// Another dataset's objects serve when it is named as related.
func TestRelatedDataset(t *testing.T) {
	for _, related := range []bool{true, false} {
		r := newRig(t)
		old := data(1, 6<<20)
		r.put("a.bin", old)
		r.mustSync()
		r.src.Name, r.src.Prefix = "c5", "c5/"
		r.dst.Destination.Prefix = "data/c5/"
		putObject(t, r.source, "c5/a.bin", edited(old, 4<<20, 1000))
		r.index()
		rep := r.mustSync(func(q *Request) {
			if related {
				q.Related = []string{"data/c4/"}
			}
		})
		want := map[bool]string{true: "assemble:1 ", false: "full:1 "}[related]
		if ways(rep.Summary) != want {
			t.Errorf("related=%v: %s", related, ways(rep.Summary))
		}
		if got := readObject(t, r.dest, "data/c5/a.bin"); !slices.Equal(got, edited(old, 4<<20, 1000)) {
			t.Error("wrong bytes")
		}
	}
}

// parts makes the destination one that takes no part under so many bytes, and may be given temporary objects.
func (r *rig) parts(minBytes int64, temporaryObjects bool) {
	r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: minBytes}})
	r.dst.Store, r.dst.TwoSteps = r.dest, temporaryObjects
}

// Under a limit of 1 MiB a part, edits far apart cost 1 MiB each; glued to what stands before them they cost themselves.
func TestTwoSteps(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := newRig(t)
		r.parts(1<<20, two)
		old := data(1, 12<<20)
		r.put("a.bin", old)
		r.mustSync()
		r.put("a.bin", edited(old, 4<<20, 1000))
		limit := int64(3 * (1<<20 + 128<<10))
		if two {
			limit = 3 * 2 * 128 << 10
		}
		rep := r.assembled(1, limit)
		if !two && rep.MovedBytes < 3<<20 {
			t.Errorf("%d bytes were sent in parts of at least 1 MiB", rep.MovedBytes)
		}
	}
}

// Edits with less than a part between them: one temporary object is glued to the next, and still only the edits cross.
func TestEditsCloserThanAPart(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := newRig(t)
		r.parts(1<<20, two)
		old := data(1, 12<<20)
		r.put("a.bin", old)
		r.mustSync()
		// From 6 MiB on, one every 700 KiB.
		now := append(slices.Clone(old[:6<<20]), edited(old[6<<20:], 700<<10, 1000)...)
		r.put("a.bin", now)
		if two {
			r.assembled(1, 9*2*128<<10)
		} else if rep := r.assembled(1, 8<<20); rep.MovedBytes < 6<<20-700<<10 {
			t.Errorf("%d bytes were sent in parts of at least 1 MiB", rep.MovedBytes)
		}
	}
}

// A destination that vouches for no checksum of what it copied has its object read before it counts.
func TestAssembledWithoutChecksumsIsReadBack(t *testing.T) {
	r := newRig(t)
	r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: []string{}})
	r.dst.Store = r.dest
	r.dst.Location = location(t, "azure:eastus") // reading back costs nothing
	old := data(1, 12<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 4<<20, 1000))
	before := r.dest.Stats()["read"].ReceivedBytes
	r.assembled(1, 3*2*128<<10)
	// Once more by the test itself; and the receipt is read, to tell whether it stops being true.
	if got := r.dest.Stats()["read"].ReceivedBytes - before; got < 2*12<<20 || got > 2*12<<20+1000 {
		t.Errorf("%d bytes were read back", got)
	}
}

// What reading back would cost is more than the bytes: they cross whole.
func TestDearReadBackIsAvoided(t *testing.T) {
	r := newRig(t)
	r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: []string{}})
	r.dst.Store = r.dest
	old := data(1, 6<<20)
	r.put("a.bin", old)
	r.mustSync()
	r.put("a.bin", edited(old, 4<<20, 1000))
	if rep := r.mustSync(); ways(rep.Summary) != "full:1 " {
		t.Errorf("%s", ways(rep.Summary))
	}
	r.equal()
}

// The object that ranges are to be copied from is replaced by somebody else before the copy, or while it goes on.
func TestReplacedSourceOfACopyIsNoticed(t *testing.T) {
	for _, nth := range []int32{1, 2} {
		r := newRig(t)
		old := data(1, 12<<20)
		r.put("a.bin", old)
		r.mustSync()
		deleteObject(t, r.source, "c4/a.bin")
		r.put("b.bin", edited(old, 4<<20, 1000)) // put together from a.bin
		replacing := &replacing{Store: r.dest, replace: func() { putObject(t, r.dest, "data/c4/a.bin", data(9, 12<<20)) }}
		replacing.left.Store(nth)
		r.dst.Store = replacing
		rep := r.mustSync()
		if ways(rep.Summary) != "full:1 " {
			t.Errorf("%s", ways(rep.Summary))
		}
		r.dst.Store = r.dest
		r.equal()
		r.nothingOpen()
	}
}

// replacing calls a function before the copy of a part that takes left to 0. Parts are copied at the same time.
type replacing struct {
	store.Store
	left    atomic.Int32
	replace func()
}

func (s *replacing) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	if s.left.Add(-1) == 0 {
		s.replace()
	}
	return s.Store.CopyPart(ctx, u, p)
}

// The destination's disk damaged the old object, and nothing shows it but the bytes: what is put together from it is never
// called present, and the shard crosses whole.
func TestDamagedSourceOfACopy(t *testing.T) {
	for _, checksums := range [][]string{{"crc64nvme"}, {}} {
		r := newRig(t)
		r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: checksums})
		r.dst.Store = r.dest
		r.dst.Location = location(t, "azure:eastus")
		old := data(1, 12<<20)
		r.put("a.bin", old)
		r.mustSync()
		r.put("a.bin", edited(old, 4<<20, 1000))
		r.dest.Damage("data/c4/a.bin", 1<<20)
		rep := r.mustSync()
		if ways(rep.Summary) != "full:1 " {
			t.Errorf("%v: %s", checksums, ways(rep.Summary))
		}
		r.equal()
		r.nothingOpen()
	}
}

// Of two objects that a shard was put together from one is damaged: it is sent again, the other one is read and kept.
func TestOnlyTheDamagedSourceIsSentAgain(t *testing.T) {
	r := newRig(t)
	r.dst.Location = location(t, "azure:eastus")
	a, b := data(1, 6<<20), data(2, 6<<20)
	r.put("a.bin", a)
	r.put("b.bin", b)
	r.mustSync()
	r.put("joined.bin", append(slices.Clone(b[1<<20:]), a[:3<<20]...))
	r.index()
	r.dest.Damage("data/c4/a.bin", 1<<20)
	before := r.dest.Stats()["part"].SentBytes
	rep := r.mustSync()
	// The joined shard crosses, b.bin is read and counts again, and a.bin is mended with the half of it that the joined one has.
	if got := ways(rep.Summary); got != "have:2 assemble:1 " {
		t.Errorf("%s", got)
	}
	if sent := r.dest.Stats()["part"].SentBytes - before; sent > 8<<20+3<<20+512<<10 {
		t.Errorf("%d bytes sent", sent)
	}
	r.equal()
}

// A process that ends at any request of a put-together shard leaves what the next one finishes, and no part is made twice.
func TestAssemblyIsResumed(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		two   bool
		every int // bytes between edits
	}{{false, 4 * mib}, {true, 4 * mib}, {true, 700 << 10}} {
		for _, rule := range []fault.Rule{
			{Kind: fault.After, Op: "create-upload"}, {Kind: fault.Before, Op: "part-copy", Nth: 3}, {Kind: fault.After, Op: "part-copy", Nth: 2},
			{Kind: fault.After, Op: "part", Nth: 2}, {Kind: fault.Before, Op: "complete"}, {Kind: fault.After, Op: "complete"},
		} {
			r := newRig(t)
			r.options.PartsPerShard = 1
			if c.two {
				r.parts(mib, true)
			}
			old := data(1, 12<<20)
			r.put("a.bin", old)
			r.dst.Store = r.dest
			r.mustSync()
			r.put("a.bin", append(slices.Clone(old[:4*mib]), edited(old[4*mib:], c.every, 1000)...))
			rule.Err = store.ErrTransient
			f := fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{rule}})
			r.dst.Store = f
			if _, err := r.sync(); !errors.Is(err, ErrFailed) {
				t.Fatalf("%s: %v", rule, err)
			}
			f.VerifyAllHit(t)
			r.dst.Store = r.dest
			before := r.dest.Stats()["part-copy"].Requests
			rep := r.mustSync()
			r.equal()
			if n := r.dest.Stats()["part-copy"].Requests - before; rule.Op == "complete" && n != 0 && !c.two {
				t.Errorf("%s: %d parts were copied again", rule, n)
			}
			if rep.Ways[plan.Assemble].Shards+rep.Ways[plan.Adopt].Shards+rep.Ways[plan.Read].Shards != 1 {
				t.Errorf("%s: %s", rule, ways(rep.Summary))
			}
			s := r.open()
			if _, err := s.Collect(context.Background(), map[string]store.Store{"bucket": r.dest}, 0, false); err != nil {
				t.Fatal(err)
			}
			err := s.Manifest.View(func(tx *manifest.Tx) error {
				return tx.Transfers(func(tr manifest.Transfer) (bool, error) {
					t.Errorf("%s: transfer %s is left", rule, tr.DestKey)
					return true, nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			r.close()
			r.nothingOpen()
		}
	}
}

// In the layout of one prefix a snapshot, a changed shard is put together from the snapshot before.
func TestSnapshotsShareTheirChunks(t *testing.T) {
	r := newRig(t)
	r.dst.Snapshots = true
	old := data(1, 12<<20)
	r.put("a.bin", old)
	r.put("b.bin", data(2, 1<<20))
	r.mustSync()
	r.put("a.bin", edited(old, 4<<20, 1000))
	rep := r.mustSync()
	if got := ways(rep.Summary); got != "copy:1 assemble:1 " {
		t.Errorf("%s", got)
	}
}

// What is read back over a free hop is in the ledger like everything else, however many requests at a time it took.
func TestReadingBackIsInTheLedger(t *testing.T) {
	r := newRig(t)
	r.dest = mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: []string{}})
	r.dst.Store = r.dest
	r.put("a.bin", data(1, 9<<20+5))
	r.mustSync()
	s := r.open()
	defer r.close()
	s.Agent = r.dst.Location
	v, err := s.Verify(context.Background(), r.src, r.dst, 1)
	if err != nil || v.Read != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	var bytes, requests int64
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Lines(func(l manifest.Line) (bool, error) {
			if l.LineKey.Activity == "verify" {
				bytes += l.Bytes
				requests += l.Requests
			}
			return true, nil
		})
	})
	if err != nil || bytes != 9<<20+5 || requests != 10 {
		t.Errorf("%d bytes in %d requests, %v", bytes, requests, err)
	}
}
