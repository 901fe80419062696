package sync

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// What is chosen is what costs least in all, bytes and cores, among what keeps up.
func TestHardest(t *testing.T) {
	const gib = 1 << 30
	at := func(level pack.Level, share float64, seconds float64) trial {
		return trial{level, pack.Estimate{ContentBytes: gib, StoredBytes: int64(share * gib), EncodeTime: time.Duration(seconds * float64(time.Second))}}
	}
	fast, usual, better, best := at(pack.Fastest, 0.40, 8), at(pack.DefaultLevel, 0.38, 12), at(pack.Better, 0.37, 15), at(pack.Best, 0.35, 100)
	all := []trial{fast, usual, better, best}
	for name, c := range map[string]struct {
		trials []trial
		usd    float64 // of a GiB
		want   pack.Level
		ok     bool
	}{
		"bytes are dear":                   {all, 0.08, pack.Better, true},
		"cores are dear beside bytes":      {all, 0.002, pack.Fastest, true},
		"bytes are nearly nothing":         {all, 0.0001, 0, false},
		"free":                             {all, 0, 0, false},
		"what is too slow is not taken":    {[]trial{best}, 0.08, 0, false},
		"too little is saved":              {[]trial{at(pack.Fastest, 0.98, 8), at(pack.Better, 0.971, 15)}, 0.08, 0, false},
		"harder is no better":              {[]trial{at(pack.Fastest, 0.5, 8), at(pack.Better, 0.5, 15)}, 0.08, pack.Fastest, true},
		"only the harder one saves enough": {[]trial{at(pack.Fastest, 0.98, 8), at(pack.Better, 0.96, 15)}, 0.08, pack.Better, true},
		"the fastest is never too slow":    {[]trial{at(pack.Fastest, 0.4, 200), best}, 0.08, pack.Fastest, true},
		"nothing was tried":                {nil, 0.08, 0, false},
	} {
		got, ok := hardest(c.trials, c.usd*1e9)
		if ok != c.ok || got.level != c.want {
			t.Errorf("%s: %s, %v", name, got.level, ok)
		}
	}
}

// A sample is of all that is wanted, not of its beginning: where the first shard does not compress, and the others do, packs are made.
func TestASampleIsOfAllThatIsWanted(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 12<<20))
	edge.put("b.jsonl", lines(1, 20<<20))
	edge.put("c.jsonl", lines(2, 20<<20))
	origin.index()
	end := origin.serving(t)
	edge.mustSync()
	if answered := end(); answered.Packs == 0 || answered.StoredBytes > answered.ContentBytes*2/3 {
		t.Errorf("%+v", answered)
	}
	edge.equal()
}

// The price is that of the way to who asks, as far as anything tells where that is.
func TestPriceOfTheLinkToAnEdge(t *testing.T) {
	origin, edge := newPair(t)
	s := origin.open()
	defer origin.close()
	p := &packer{s: s, ctx: context.Background(), src: origin.src}
	p.want.Edge = "iowa"
	price := func() float64 {
		t.Helper()
		usd, err := p.linkNanoUSD()
		if err != nil {
			t.Fatal(err)
		}
		return usd
	}
	if got := price(); got != unknownLinkNanoUSD {
		t.Errorf("of an edge that nobody knows: %f", got)
	}
	if err := s.Manifest.Update(func(tx *manifest.Tx) error {
		return errors.Join(tx.PutGivenGrant(manifest.GivenGrant{Edge: "iowa", ID: "1", To: edge.agent.String()}), tx.PutGivenGrant(manifest.GivenGrant{Edge: "ohio", ID: "2", To: origin.src.Location.String()}))
	}); err != nil {
		t.Fatal(err)
	}
	rate, err := s.Ledger.Book().Transfer(origin.src.Location, edge.agent, s.Routes.FromStore(origin.src.Dataset.Store))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := price(), float64(rate.Dearest(1<<30, nil, 0)); got != want || got == unknownLinkNanoUSD || got == 0 {
		t.Errorf("%f, want %f", got, want)
	}
	if p.want.Edge = "ohio"; price() != 0 {
		t.Errorf("beside the origin: %f", price())
	}
}
