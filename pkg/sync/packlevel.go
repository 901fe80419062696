package sync

import (
	"errors"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// leastGain is what packing must save of the bytes of the chunks. Below it ranges of the shards themselves are as good, and need nobody.
	leastGain = 0.03
	// sampled is how much of what is wanted is packed before it is decided whether that pays, and how hard to try; sampledRuns are its places.
	sampled     = 4 << 20
	sampledRuns = 16
	// sampledFrom is how much must be wanted for levels to be tried: what they differ by must be worth the trial.
	sampledFrom = 8 * sampled
	// coreHourNanoUSD is what an hour of a core costs: 0.05 USD, about what Azure, AWS and Google Cloud ask for one of a machine for general use.
	coreHourNanoUSD = 50_000_000
	// unknownLinkNanoUSD is what a GiB over a link of which nothing is known counts as.
	unknownLinkNanoUSD = 80_000_000
)

// trial is what a sample gave at one level.
type trial struct {
	level pack.Level
	pack.Estimate
}

// costs is what the sample costs packed, in billionths of a dollar: its bytes on the link, and a core's time at both ends.
func (t trial) costs(linkNanoUSD float64) float64 {
	const core = float64(coreHourNanoUSD) / 3600
	return float64(t.StoredBytes)/(1<<30)*linkNanoUSD + (t.EncodeTime+t.DecodeTime).Seconds()*core
}

// hardest chooses the level that costs least, of those that keep up with what edges wait for. ok is false if packing does not pay at any.
func hardest(trials []trial, linkNanoUSD float64) (best trial, ok bool) {
	for _, t := range trials {
		plain := float64(t.ContentBytes) / (1 << 30) * linkNanoUSD
		slow := t.EncodeSecondsPerByte() > 1.0/packBytesSecond && t.level != pack.Fastest // on a busy machine all are
		if t.Gain() < leastGain || slow || t.costs(linkNanoUSD) >= plain {
			continue
		}
		if !ok || t.costs(linkNanoUSD) < best.costs(linkNanoUSD) {
			best, ok = t, true
		}
	}
	return best, ok
}

// choose tries the levels on a sample of what is wanted.
func (p *packer) choose() error {
	runs, err := p.sample()
	if err != nil || runs == nil {
		return err
	}
	link, err := p.linkNanoUSD()
	if err != nil {
		return err
	}
	var trials []trial
	for _, level := range []pack.Level{pack.Fastest, pack.DefaultLevel, pack.Better, pack.Best} {
		e, err := pack.Sample(runs, pack.Options{Level: level})
		if err != nil {
			return err
		}
		trials = append(trials, trial{level, e})
	}
	best, ok := hardest(trials, link)
	if !ok {
		return errNoGain
	}
	p.decided = true
	p.s.Log.Info("chose how hard to compress what an edge wants", "edge", p.want.Edge, "dataset", p.src.Name, "level", best.level.String(), "saves", best.Gain(),
		"usd_per_gib", cost.NanoUSD(link).String())
	p.encoder, err = pack.NewEncoder(pack.Options{Level: best.level})
	return err
}

// sample reads runs of chunks from evenly spaced places of what is wanted, with their bases. nil: too little is wanted for that.
func (p *packer) sample() (runs [][]pack.Chunk, err error) {
	var total int64
	starts := make([]int64, len(p.want.Missing)) // of runs in what is wanted, in bytes
	for i, r := range p.want.Missing {
		starts[i] = total
		w, err := p.open(r)
		if err != nil {
			return nil, err
		}
		total += w.bytes()
	}
	if total < sampledFrom {
		return nil, nil
	}
	at := 0
	for n := range int64(sampledRuns) {
		want := total / sampledRuns * n
		for at+1 < len(starts) && starts[at+1] <= want {
			at++
		}
		w, err := p.open(p.want.Missing[at])
		if err == nil {
			w, err = p.withBases(w)
		}
		if err != nil {
			return nil, err
		}
		from := 0
		for from+1 < len(w.chunks) && w.part(0, from+1).bytes() <= want-starts[at] {
			from++
		}
		to := from + 1
		for to < len(w.chunks) && w.part(from, to).bytes() < sampled/sampledRuns {
			to++
		}
		list, err := w.part(from, to).read(p, nil)
		if err != nil {
			return nil, err
		}
		runs = append(runs, list)
	}
	return runs, nil
}

// linkNanoUSD is what a GiB costs on its way to who asks, which a grant or a heartbeat tells.
func (p *packer) linkNanoUSD() (float64, error) {
	var to string
	err := p.s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.GivenGrants(func(g manifest.GivenGrant) (bool, error) {
			if g.Edge == p.want.Edge {
				to = g.To
			}
			return true, nil
		})
	})
	if err != nil {
		return 0, err
	}
	if to == "" {
		agents, err := exchange.Agents(p.ctx, p.src.exchange())
		if err != nil && !errors.Is(err, exchange.ErrBad) {
			return 0, err
		}
		for _, a := range agents {
			if a.Name == p.want.Edge && a.Role == string(EdgeRole) {
				to = a.Location
			}
		}
	}
	// What cannot be priced is no reason not to pack.
	if at, err := store.ParseLocation(to); err == nil {
		if rate, err := p.s.Ledger.Book().Transfer(p.src.Location, at, p.s.Routes.FromStore(p.src.Dataset.Store)); err == nil {
			return float64(rate.Dearest(1<<30, nil, 0)), nil
		}
	}
	return unknownLinkNanoUSD, nil
}
