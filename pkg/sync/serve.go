package sync

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/store"
)

// How often an agent that serves others does what.
const (
	beatEvery   = time.Minute
	answerEvery = 5 * time.Second
	indexEvery  = 5 * time.Minute
	// Who asked is about to ask for more, or to settle.
	grantAgain = time.Second
	grantBusy  = 30 // times
	// published snapshots that stay, and for how long those before them do: an edge may be reading one.
	keepPublished  = 2
	publishedGrace = time.Hour
)

// Beat says in the stores of datasets that this agent is alive.
func (s *Syncer) Beat(ctx context.Context, sources []Source, version string) error {
	var errs []error
	done := map[string]bool{}
	for _, src := range sources {
		if done[src.Dataset.Store] {
			continue
		}
		done[src.Dataset.Store] = true
		errs = append(errs, exchange.Beat(ctx, src.exchange(), exchange.Agent{
			Name: s.Name, Role: string(s.Role), Location: s.Agent.String(), Version: version, Time: s.Manifest.Now(),
		}))
	}
	return errors.Join(errs...)
}

// Serve is what an origin does for others until ctx ends: it indexes its datasets and publishes what is new, packs what edges want, and says that
// it is alive. What fails is logged and tried again. sources opens the datasets.
func (s *Syncer) Serve(ctx context.Context, sources func(ctx context.Context) ([]Source, error), version string) {
	indexed := map[string]time.Time{}
	var collected time.Time
	ticker := time.NewTicker(answerEvery)
	defer ticker.Stop()
	go s.beats(ctx, sources, version)
	go s.grants(ctx, sources)
	told := map[string]bool{}
	for ; ctx.Err() == nil; waitFor(ctx, ticker.C) {
		all, err := sources(ctx)
		list := s.beside(all, told)
		now := s.Manifest.Now()
		for _, src := range list {
			if due, ok := indexed[src.Name]; ok && due.After(now) && due.Sub(now) <= 2*cmp.Or(src.Watch.Every, indexEvery) {
				continue
			}
			indexed[src.Name] = now.Add(Jittered(cmp.Or(src.Watch.Every, indexEvery)))
			err = errors.Join(err, s.indexIfNew(ctx, src), collect(ctx, src, now))
		}
		if now.Sub(collected).Abs() >= collectAfter {
			collected = now
			for _, src := range list {
				_, _, collectErr := exchange.CollectWants(ctx, src.exchange(), now, collectAfter)
				err = errors.Join(err, collectErr)
			}
		}
		for _, src := range list {
			done, answerErr := s.Answer(ctx, src, list)
			err = errors.Join(err, answerErr)
			if done.Wants > 0 {
				s.Log.Info("packed what edges want", "dataset", src.Name, "wants", done.Wants, "packs", done.Packs, "bytes", done.ContentBytes, "stored", done.StoredBytes)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("something that other agents wait for failed; it is tried again", "error", err)
		}
	}
}

// indexIfNew indexes a dataset if its source may have changed.
func (s *Syncer) indexIfNew(ctx context.Context, src Source) error {
	n, err := s.News(ctx, src, src.Watch, ForIndex)
	if err != nil {
		s.Log.Warn("a source could not be asked whether it changed; it is listed", "dataset", src.Name, "error", err)
	}
	if !n.Changed {
		return nil
	}
	if _, err := s.Index(ctx, src); err != nil {
		return err
	}
	return s.Listed(src, n)
}

// Jittered is a tenth more or less, so that what many agents do in the same intervals they do not all do at once.
func Jittered(every time.Duration) time.Duration {
	return every - every/10 + rand.N(every/5+1)
}

// beside are the datasets that cost this agent nothing to read. What is elsewhere is no origin's to read unasked.
func (s *Syncer) beside(list []Source, told map[string]bool) (out []Source) {
	for _, src := range list {
		if s.ReadsFree(src) {
			out = append(out, src)
		} else if !told[src.Name] {
			told[src.Name] = true
			s.Log.Warn("a dataset is not published: reading it would cost this agent money; an origin stands beside its source", "dataset", src.Name)
		}
	}
	return out
}

// beats go on while a dataset is indexed, which may take hours.
func (s *Syncer) beats(ctx context.Context, sources func(ctx context.Context) ([]Source, error), version string) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for ; ctx.Err() == nil; waitFor(ctx, ticker.C) {
		list, err := sources(ctx)
		if err = errors.Join(err, s.Beat(ctx, list, version)); err != nil && ctx.Err() == nil {
			s.Log.Error("other agents were not told that this one is alive", "error", err)
		}
	}
}

// grants are answered while a dataset is indexed or packed: whoever asks waits with an accelerator.
func (s *Syncer) grants(ctx context.Context, sources func(ctx context.Context) ([]Source, error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var collected time.Time
	busy := 0
	told := map[string]bool{}
	for waitFor(ctx, timer.C); ctx.Err() == nil; waitFor(ctx, timer.C) {
		all, err := sources(ctx)
		list := s.beside(all, told)
		done, one := s.Grant(ctx, list)
		err = errors.Join(err, one)
		if busy = max(0, busy-1); done.Granted+done.Settled > 0 {
			busy = grantBusy
		}
		if timer.Reset(answerEvery); busy > 0 {
			timer.Reset(grantAgain)
		}
		if now := s.Manifest.Now(); now.Sub(collected).Abs() >= collectAfter {
			collected = now
			err = errors.Join(err, s.CollectGrants(ctx, list))
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("what edges ask for was not all answered; it is tried again", "error", err)
		}
	}
}

// CollectGrants removes what belongs to no grant that is known, in the stores of datasets. It must not run beside [Syncer.Grant].
func (s *Syncer) CollectGrants(ctx context.Context, list []Source) error {
	now := s.Manifest.Now()
	known := map[[2]string]bool{}
	given, err := s.Ledger.Given()
	if err != nil {
		return err
	}
	for _, g := range given {
		known[[2]string{g.Edge, g.ID}] = true
	}
	done := map[string]bool{}
	for _, src := range list {
		if !done[src.Dataset.Store] {
			done[src.Dataset.Store] = true
			_, one := exchange.CollectGrants(ctx, src.exchange(), now, longestGrant, func(edge, id string) bool { return known[[2]string{edge, id}] })
			err = errors.Join(err, one)
		}
	}
	return err
}

func collect(ctx context.Context, src Source, now time.Time) error {
	_, _, err := exchange.Collect(ctx, src.exchange(), src.Name, keepPublished, publishedGrace, now)
	return err
}

func waitFor(ctx context.Context, c <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-c:
	}
}

var _ exchange.Collector = store.Store(nil)
