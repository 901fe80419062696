// Package mem is a strict object store in memory, the reference that the other backends are compared with and the store
// that tests of the planner, the engine and the daemon run on.
//
// It promises to refuse whatever any real service may refuse: a missing condition, a stale pin, a checksum of a part or of
// the whole object that does not fit, a part below the minimum, a gap between parts. It never fails on its own: faults are
// injected by pkg/store/fault around it. Time comes from Options.Now and waiting from Options.Latency, so that a test
// inside testing/synctest sees a slow store without waiting.
package mem

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of a store in memory; the zero value is an unversioned bucket with the part limits of S3.
type Options struct {
	// URL names the store; "" is "mem://test".
	URL string
	// Provider, Region and RequestPrices are passed on in Capabilities, so that a planner can price this store as if it
	// stood in a cloud ("azure", "eastus", "azure"). Empty: free and nowhere.
	Provider, Region, RequestPrices string
	// Names are the keys that it can hold; zero: every key.
	Names store.NameRules
	// Parts limits uploads. Each field that is zero takes S3's limit: 5 MiB, 5 GiB, 10,000 parts, 5 TiB. Tests set
	// MinBytes to something small.
	Parts store.PartLimits
	// PutMaxBytes limits Put; zero is 5 GiB, as in S3.
	PutMaxBytes int64
	// CopyMaxBytes limits Copy; zero is 5 GiB, as in S3, and below zero the store cannot copy.
	CopyMaxBytes int64
	// ObjectChecksums are kept for every object; nil means "crc64nvme" and "crc32c". An empty list that is not nil makes
	// a store that keeps none, as Azure does for block blobs.
	ObjectChecksums []string
	// Versions keeps every version, and reads can name one.
	Versions bool
	// Now is the clock of Modified and Created; nil is time.Now.
	Now func() time.Time
	// Latency is how long a request takes before it has its effect: op as in store.Error, and the payload bytes that
	// travel in either direction. nil is no wait.
	Latency func(op string, payloadBytes int64) time.Duration
}

// Store is an object store in memory.
type Store struct {
	o      Options
	mu     sync.Mutex
	keys   []string // of visible objects, sorted
	held   map[string][]*object
	ups    map[string]*upload
	done   map[string]store.Object // finished uploads by id, so that CompleteUpload is idempotent
	serial uint64
	stats  Stats
}

var _ store.Store = (*Store)(nil)

// Time is what [store.Time] tells.
func (s *Store) Time() (time.Time, bool) { return s.o.Now(), true }

type object struct {
	store.Object
	data    []byte
	deleted bool // a delete marker of a store with versions
}

// New makes an empty store.
func New(o Options) *Store {
	if o.URL == "" {
		o.URL = "mem://test"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ObjectChecksums == nil {
		o.ObjectChecksums = []string{"crc64nvme", "crc32c"}
	}
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (2026)
	o.Parts.MinBytes = orDefault(o.Parts.MinBytes, 5*store.MiB)
	o.Parts.MaxBytes = orDefault(o.Parts.MaxBytes, 5*store.GiB)
	o.Parts.MaxParts = orDefault(o.Parts.MaxParts, 10000)
	o.Parts.MaxObjectBytes = orDefault(o.Parts.MaxObjectBytes, 5*store.TiB)
	o.PutMaxBytes = orDefault(o.PutMaxBytes, 5*store.GiB)
	o.CopyMaxBytes = max(0, orDefault(o.CopyMaxBytes, 5*store.GiB))
	return &Store{o: o, held: map[string][]*object{}, ups: map[string]*upload{}, done: map[string]store.Object{}, stats: Stats{}}
}

func orDefault[T int | int64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// URL is Options.URL.
func (s *Store) URL() string { return s.o.URL }

// Capabilities follow from the Options.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{
		Provider:        s.o.Provider,
		RequestPrices:   s.o.RequestPrices,
		Region:          s.o.Region,
		Names:           s.o.Names,
		Parts:           s.o.Parts,
		PutMaxBytes:     s.o.PutMaxBytes,
		CopyMaxBytes:    s.o.CopyMaxBytes,
		ServerChecks:    []string{"crc64nvme", "crc32c", "md5"},
		ObjectChecksums: s.o.ObjectChecksums,
		Proof:           "every part and the finished object are compared with the checksums that were sent, before the key shows it",
		CopiesParts:     true, AssembledChecksums: len(s.o.ObjectChecksums) > 0,
		ListsParts:        true,
		Versions:          s.o.Versions,
		PreservesEncoding: true,
	}
}

// Close does nothing.
func (s *Store) Close() error { return nil }

// fail builds the error of an operation and counts it.
func (s *Store) fail(op, key string, kind error, format string, a ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failLocked(op, key, kind, format, a...)
}

func (s *Store) failLocked(op, key string, kind error, format string, a ...any) error {
	s.stats.add(op, OpStats{Failures: 1})
	return &store.Error{Op: op, Store: s.o.URL, Key: key, Kind: kind, Err: fmt.Errorf(format, a...)}
}

// checkName refuses a key before any request, as every backend does.
func (s *Store) checkName(op, key string) error {
	if err := s.o.Names.Check(key); err != nil {
		return &store.Error{Op: op, Store: s.o.URL, Key: key, Kind: store.ErrName, NotSent: true, Err: err}
	}
	return nil
}

// request meters one request and waits for its latency. Its bytes count as sent even if the request is refused later, for
// on a real link they have left by then.
func (s *Store) request(ctx context.Context, op, key string, sentBytes, receiveBytes int64) error {
	if err := ctx.Err(); err != nil {
		return &store.Error{Op: op, Store: s.o.URL, Key: key, Kind: store.ErrTransient, NotSent: true, Err: err}
	}
	u := store.UsageFrom(ctx)
	u.Requests.Add(1)
	u.Sent.Add(sentBytes)
	s.mu.Lock()
	s.stats.add(op, OpStats{Requests: 1, SentBytes: sentBytes})
	s.mu.Unlock()
	if s.o.Latency == nil {
		return nil
	}
	wait := time.NewTimer(s.o.Latency(op, sentBytes+receiveBytes))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return s.fail(op, key, store.ErrTransient, "%w", ctx.Err())
	}
}

// received meters payload that a successful request returned.
func (s *Store) received(ctx context.Context, op string, payloadBytes int64) {
	store.UsageFrom(ctx).Received.Add(payloadBytes)
	s.mu.Lock()
	s.stats.add(op, OpStats{ReceivedBytes: payloadBytes})
	s.mu.Unlock()
}
