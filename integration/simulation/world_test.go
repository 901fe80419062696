package simulation

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

var (
	azure = store.Location{Provider: "azure", Region: "eastus"}
	aws   = store.Location{Provider: "aws", Region: "us-east-1"}
)

// world is everything outside of the agents: the stores, what happens to them, and the oracle.
type world struct {
	t            *testing.T
	seed         uint64
	rnd          *rand.Rand // of the schedule alone
	start        time.Time
	source, dest *mem.Store
	agents       []*agent

	mu sync.Mutex // guards what follows
	// calm: nothing strikes any more.
	calm  bool
	kinds []kind // that strike requests of this schedule
	rate  float64
	// until when credentials are expired and disks are full, by kind, store and agent.
	until  map[string]time.Time
	struck map[kind]int
	log    []string
	model  *model
	made   map[string]*object        // what the destination held when the oracle last looked
	now    map[string]chunker.Digest // what the source has
	serial uint64
	jobs   int
	given  map[string][]string // jobs that each agent has
	fails  map[string]bool     // jobs that fail when the source changes
	// lengths that contents had, and how many bytes are of contents whose length another had before.
	lengths map[int]bool
	twins   int64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), start: time.Now(), until: map[string]time.Time{}, struck: map[kind]int{},
		source: mem.New(mem.Options{URL: "mem://training"}), dest: mem.New(mem.Options{URL: "mem://east", Parts: store.PartLimits{MinBytes: 16 << 10}}),
		model: newModel(), made: map[string]*object{}, now: map[string]chunker.Digest{}, given: map[string][]string{}, fails: map[string]bool{}, lengths: map[int]bool{},
	}
	// Some schedules meet no trouble on the wire, some one kind of it, some all.
	switch w.rnd.IntN(5) {
	case 0:
	case 1:
		w.kinds, w.rate = []kind{perRequest[w.rnd.IntN(len(perRequest))]}, 0.2
	default:
		w.kinds, w.rate = perRequest, []float64{0.02, 0.1, 0.3}[w.rnd.IntN(3)]
	}
	for range 3 + w.rnd.IntN(6) {
		w.putSource(w.path(), w.bytes())
	}
	return w
}

// path of a shard, or of an index file, which travels after the shards.
func (w *world) path() string {
	if w.rnd.IntN(8) == 0 {
		return "index.json"
	}
	return fmt.Sprintf("%s/shard-%02d.bin", []string{"train", "val"}[w.rnd.IntN(2)], w.rnd.IntN(6))
}

// bytes of a shard: empty, in one request, or in parts.
func (w *world) bytes() []byte {
	n := []int{0, 1, w.rnd.IntN(singleBytes), singleBytes, singleBytes + w.rnd.IntN(4*partBytes), 3 * partBytes}[w.rnd.IntN(6)]
	w.serial++
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], w.seed)
	binary.LittleEndian.PutUint64(key[8:], w.serial)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

func (w *world) putSource(path string, b []byte) {
	w.mu.Lock()
	w.model.wrote(path, chunker.Sum(b))
	w.now[path] = chunker.Sum(b)
	// What is as long as something else may be read once to find out whether it is the same.
	if w.lengths[len(b)] {
		w.twins += int64(len(b))
		for _, a := range w.agents {
			w.model.excuse(a.name, int64(len(b)))
		}
	}
	w.lengths[len(b)] = true
	w.mu.Unlock()
	if _, err := w.source.Put(context.Background(), sourcePath+path, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		w.must(err)
	}
}

// moment keeps what the world does apart from what it has the agents do.
const moment = 1_000_003 * time.Nanosecond

// hire an agent that stands at a location.
func (w *world) hire(dir, name string, at store.Location, limit int64) {
	a := &agent{w: w, name: name, at: at, limit: limit, inMoney: w.seed%2 == 1}
	a.stateIn(dir)
	a.source = &line{Store: w.source, w: w, agent: name, name: sourceName, paid: at != azure, asked: map[string]int{}}
	a.dest = &line{Store: w.dest, w: w, agent: name, name: bucketName, paid: at != aws, asked: map[string]int{}}
	w.mu.Lock()
	w.model.hired(name, limit)
	w.model.excuse(name, w.twins)
	w.mu.Unlock()
	w.agents = append(w.agents, a)
	w.must(a.start())
}

func (w *world) must(err error) {
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.model.fail("what cannot fail did: %v", err)
	}
}

// strike notes that a kind struck. What an agent had in flight it may read again.
func (w *world) strike(k kind, agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.struck[k]++
	if agent != "" {
		w.model.excuse(agent, inFlight)
	}
}

func (w *world) excuse(agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.excuse(agent, inFlight)
}

// struckBy tells whether something that lasts strikes a store's users now.
func (w *world) struckBy(k kind, name, agent string) bool {
	w.mu.Lock()
	now := time.Now().Before(w.until[string(k)+name]) && !w.calm
	w.mu.Unlock()
	if now {
		w.strike(k, agent)
	}
	return now
}

func (w *world) carried(agent string, bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.carried(agent, bytes)
}

func (w *world) read(agent, key, etag string, off, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.read(agent, key, etag, off, n)
}

// note writes to the log of events.
func (w *world) note(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%13.9f ", time.Since(w.start).Seconds())+fmt.Sprintf(format, a...))
}

// event is a request's end. The oracle looks at everything after each.
func (w *world) event(l *line, q request, err error) {
	said := "ok"
	if kind := store.KindOf(err); kind != nil {
		said = kind.Error()
	}
	w.note("%s %s %s %s %d: %s %s", l.agent, l.name, q.op, l.plain(q.key), q.off, said, q.kind)
	w.check()
}

// check has the model compare what every manifest claims with what is there.
func (w *world) check() {
	for _, a := range w.agents {
		w.mu.Lock()
		m := a.m
		w.mu.Unlock()
		if m == nil {
			continue
		}
		list, err := a.claims()
		w.mu.Lock()
		if err != nil {
			w.model.fail("%s: the manifest cannot be read: %v", a.name, err)
		}
		for _, c := range list {
			w.model.claimed(a.name, c, w.at(c.key))
		}
		w.mu.Unlock()
	}
}

// at is what the destination holds under a key, nil: nothing. The caller holds the lock.
func (w *world) at(key string) *object {
	ctx := context.Background()
	o, err := w.dest.Head(ctx, key)
	if err != nil {
		return nil
	}
	if known := w.made[key]; known != nil && known.etag == o.ETag && w.model.touched[key] != o.ETag {
		return known
	}
	b := make([]byte, o.Size)
	if err := w.dest.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		return nil
	}
	w.made[key] = &object{o.ETag, chunker.Sum(b), o.Size}
	return w.made[key]
}

func (w *world) checkReady(a *agent, job string, strict bool) error {
	wanted, err := a.wanted(job)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.ready(a.name, job, wanted, w.at, strict)
	return nil
}

// destKeys are the shards at the destination.
func (w *world) destKeys() (keys []string) {
	p, err := w.dest.List(context.Background(), store.ListOptions{Prefix: destPath})
	w.must(err)
	for _, o := range p.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func (w *world) sourcePaths() (paths []string) {
	p, err := w.source.List(context.Background(), store.ListOptions{Prefix: sourcePath})
	w.must(err)
	for _, o := range p.Objects {
		paths = append(paths, strings.TrimPrefix(o.Key, sourcePath))
	}
	return paths
}

func checksums(b []byte) store.Checksums {
	return store.Checksums{
		CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))),
	}
}
