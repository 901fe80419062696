package sync

import (
	"context"
	"errors"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// places are three destinations with other rules of their own.
func (r *rig) places() []Request {
	r.t.Helper()
	dir, err := file.Open(r.t.TempDir(), file.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []Request
	for _, d := range []struct {
		name string
		at   string
		s    store.Store
	}{
		{"s3", "aws:us-east-1", mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 1 << 20}})},
		{"azure", "azure:westeurope", mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 1}, ObjectChecksums: []string{}})},
		{"lab", "onprem:lab1", dir},
	} {
		q := r.request()
		q.Destination = Destination{
			Destination: plan.Destination{Name: d.name, Store: d.name, Prefix: "c4/", Location: location(r.t, d.at)}, Store: d.s,
		}
		out = append(out, q)
	}
	return out
}

func (r *rig) many(requests []Request) ([]Report, []error) {
	r.t.Helper()
	s := r.open()
	defer r.close()
	var engines []*engine.Engine
	for range requests {
		engines = append(engines, engine.New(r.m, s.Ledger, r.options))
	}
	return s.Many(context.Background(), requests, engines, 8<<20)
}

func TestReadOnceWrittenManyTimes(t *testing.T) {
	for _, indexed := range []bool{false, true} {
		r := newRig(t)
		total := int64(0)
		for path, n := range map[string]int{"a.bin": 9<<20 + 77, "b.bin": 3 << 20, "c.bin": 700_000, "d.bin": 1000, "e.bin": 0, "f.bin": 5000} {
			r.put(path, data(uint64(n), n))
			total += int64(n)
		}
		if indexed {
			r.index()
		}
		before := r.source.Stats()["read"]
		requests := r.places()
		reports, errs := r.many(requests)
		read := r.source.Stats()["read"]
		for i, q := range requests {
			if errs[i] != nil || reports[i].MovedBytes != total {
				t.Errorf("%s: %d bytes moved, %v", q.Destination.Name, reports[i].MovedBytes, errs[i])
			}
			for _, path := range r.paths() {
				if string(readObject(t, q.Destination.Store, "c4/"+path)) != string(readObject(t, r.source, "c4/"+path)) {
					t.Errorf("%s: %q differs", q.Destination.Name, path)
				}
			}
		}
		if got := read.ReceivedBytes - before.ReceivedBytes; got != total {
			t.Errorf("indexed=%v: %d bytes were read for %d", indexed, got, total)
		}
		if again, errs := r.many(r.placesAgain(requests)); errors.Join(errs...) != nil || again[2].MovedBytes != 0 {
			t.Errorf("once more: %v, %d bytes", errs, again[2].MovedBytes)
		}
	}
}

// placesAgain are the requests as they were before they ran.
func (r *rig) placesAgain(requests []Request) (out []Request) {
	for _, q := range requests {
		fresh := r.request()
		fresh.Destination = q.Destination
		out = append(out, fresh)
	}
	return out
}

func TestFailingDestinationLeavesTheOthersAlone(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, 9<<20))
	r.put("b.bin", data(2, 1000))
	requests := r.places()
	requests[1].Destination.Store = fault.Wrap(requests[1].Destination.Store, fault.Plan{Rules: []fault.Rule{
		{Kind: fault.Before, Op: "part", Err: store.ErrPermanent},
	}})
	_, errs := r.many(requests)
	if errs[0] != nil || !errors.Is(errs[1], ErrFailed) || errs[2] != nil {
		t.Errorf("%v", errs)
	}
}
