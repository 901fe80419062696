package simulation

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
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

// addJob declares one to an agent.
func (w *world) addJob(a *agent) {
	w.jobs++
	j := spec.Job{ID: fmt.Sprintf("job-%02d", w.jobs), Dataset: "c4", To: []string{destName}, OnSourceChange: spec.Repin, Priority: w.rnd.IntN(3)}
	if w.rnd.IntN(4) == 0 {
		j.OnSourceChange = spec.Fail
		w.mu.Lock()
		w.fails[j.ID] = true
		w.mu.Unlock()
	}
	if w.rnd.IntN(2) == 0 {
		j.Shards = []string{[]string{"train/**", "val/**"}[w.rnd.IntN(2)]}
	}
	w.given[a.name] = append(w.given[a.name], j.ID)
	w.note("%s is given %s %v", a.name, j.ID, j.Shards)
	_, err := a.d.Add(context.Background(), "", []spec.Job{j})
	w.must(err)
}

// step is one thing that happens.
func (w *world) step() {
	a := w.agents[w.rnd.IntN(len(w.agents))]
	everybody := func() {
		for _, a := range w.agents {
			w.model.excuse(a.name, inFlight)
		}
	}
	now := func(k kind, f func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.struck[k]++
		everybody()
		f()
	}
	switch w.rnd.IntN(15) {
	case 0, 1:
		w.addJob(a)
	case 2:
		if paths := w.sourcePaths(); len(paths) > 0 {
			path := paths[w.rnd.IntN(len(paths))]
			w.note("the source's %s changes", path)
			now(sourceChanged, func() {})
			w.putSource(path, w.bytes())
		}
	case 3:
		w.note("the source has one more")
		now(sourceChanged, func() {})
		w.putSource(w.path(), w.bytes())
	case 4:
		if paths := w.sourcePaths(); len(paths) > 2 {
			path := paths[w.rnd.IntN(len(paths))]
			w.note("the source's %s is deleted", path)
			now(sourceDeleted, func() {})
			w.must(w.source.Delete(context.Background(), store.Ref{Key: sourcePath + path}))
		}
	case 5, 6:
		k := []kind{rotten, overwritten, truncated, deleted}[w.rnd.IntN(4)]
		w.tamper(k, w.rnd.Uint64(), now)
	case 7:
		by := []time.Duration{time.Hour, 24 * time.Hour, 3 * time.Second}[w.rnd.IntN(3)]
		w.note("%s's clock is set forward by %s", a.name, by)
		now(clockForward, func() { a.skew += by })
	case 8:
		by := []time.Duration{time.Hour, 24 * time.Hour, 3 * time.Second}[w.rnd.IntN(3)]
		w.note("%s's clock is set back by %s", a.name, by)
		now(clockBack, func() { a.skew -= by })
	case 9, 10:
		w.note("%s restarts", a.name)
		w.restart(a, a.limit)
	case 11:
		name := []string{sourceName, bucketName}[w.rnd.IntN(2)]
		w.note("credentials of %s expire", name)
		w.mu.Lock()
		w.until[string(expired)+name] = time.Now().Add(time.Duration(w.rnd.Int64N(int64(20 * time.Minute))))
		w.mu.Unlock()
	case 12:
		w.note("the disk of %s is full", bucketName)
		w.mu.Lock()
		w.until[string(full)+bucketName] = time.Now().Add(time.Duration(w.rnd.Int64N(int64(20 * time.Minute))))
		w.mu.Unlock()
	case 13:
		w.note("%s looks for what is left", a.name)
		_, err := a.s.Collect(context.Background(), map[string]store.Store{bucketName: a.dest}, 24*time.Hour, false)
		w.note("collected: %v", store.KindOf(err))
	case 14:
		if list := a.statuses(); len(list) > 0 {
			id := list[w.rnd.IntN(len(list))].ID
			w.note("%s's job %s is taken back", a.name, id)
			err := a.d.Remove(context.Background(), []string{id})
			w.note("taken back: %v", err == nil)
			if err == nil {
				w.given[a.name] = slices.DeleteFunc(w.given[a.name], func(s string) bool { return s == id })
			}
		}
	}
	w.check()
}

// tamper does something to the destination behind everybody's back.
func (w *world) tamper(k kind, random uint64, now func(kind, func())) {
	keys := w.destKeys()
	if len(keys) == 0 {
		return
	}
	key := keys[random%uint64(len(keys))]
	ctx := context.Background()
	o, err := w.dest.Head(ctx, key)
	w.must(err)
	if o.Size < 2 && (k == rotten || k == truncated) {
		return
	}
	w.note("%s: %s", k, key)
	now(k, func() {
		w.model.behind[key] = true
		for _, a := range w.agents { // it has to be brought again
			w.model.excuse(a.name, o.Size)
			a.forget(w.model, key)
		}
		switch k {
		case rotten:
			w.dest.Rot(key, int64(random%uint64(o.Size*8))) //nolint:gosec // a position
			w.model.touched[key] = o.ETag
		case overwritten:
			// Something else than there was, also where there was nothing in it: what a stranger wrote that we could have is adopted, and never replaced.
			_, err = w.dest.Put(ctx, key, slices.Repeat([]byte("x"), int(max(1, o.Size))), store.WriteOptions{Condition: store.Always()})
		case truncated:
			b := make([]byte, o.Size/2)
			if err = w.dest.ReadRange(ctx, o.Ref(), 0, b); err == nil {
				_, err = w.dest.Put(ctx, key, b, store.WriteOptions{Condition: store.Always()})
			}
		case deleted:
			err = w.dest.Delete(ctx, store.Ref{Key: key})
		}
	})
	w.must(err)
}

// forget that an agent read what it brought to a key, which has to be brought again.
func (a *agent) forget(m *model, key string) {
	from := sourcePath + strings.TrimPrefix(key, destPath) + " "
	for id := range m.agents[a.name].seen {
		if strings.HasPrefix(id, from) {
			delete(m.agents[a.name].seen, id)
		}
	}
}

func (w *world) restart(a *agent, limit int64) {
	w.strike(restarted, a.name)
	w.must(a.stop())
	a.limit = limit
	w.mu.Lock()
	w.model.agents[a.name].limit = limit
	w.mu.Unlock()
	w.must(a.start())
	time.Sleep(moment)
}

// settle ends all trouble: the operators remove what is foreign, have everything read back, and raise the budgets. Then everything needed arrives.
func (w *world) settle() {
	time.Sleep(moment)
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	w.note("calm")
	ctx := context.Background()
	for _, key := range w.destKeys() {
		if w.foreign(key) {
			w.must(w.dest.Delete(ctx, store.Ref{Key: key}))
		}
	}
	for _, a := range w.agents {
		for key := range w.model.behind {
			a.forget(w.model, key)
		}
		w.restart(a, 0)
	}
	for _, a := range w.agents {
		c := &catalog{a: a, source: a.source, dest: a.dest}
		q, err := c.Open(ctx, "c4", destName, payerOfNobody)
		w.must(err)
		q.Destination.Store = a.dest
		_, err = a.s.Verify(ctx, q.Source, q.Destination, 1)
		for tries := 0; err != nil && tries < 5; tries++ { // what a sync replaces meanwhile cannot be read
			time.Sleep(time.Minute)
			_, err = a.s.Verify(ctx, q.Source, q.Destination, 1)
		}
		w.must(err)
		if len(w.agents) > 1 { // what one agent's older jobs want may stand where the other's newer ones want something else
			w.must(a.d.Remove(ctx, w.given[a.name]))
			time.Sleep(moment)
		}
		a.d.Recheck()
		a.forgetStatuses()
		time.Sleep(moment)
		w.addJob(a)
		a.forgetStatuses()
		time.Sleep(moment)
	}
	end := time.Now().Add(12 * time.Hour)
	for time.Now().Before(end) && !w.arrived() {
		time.Sleep(time.Minute)
	}
	for _, a := range w.agents {
		for _, j := range w.waiting(a) {
			w.model.fail("12 hours after the last fault job %s of %s is %s: %s", j.ID, a.name, j.State, j.Why)
		}
	}
}

// foreign tells of an object that nobody replaces unasked: a stranger's, and what another agent brought of a shard that is no longer so.
func (w *world) foreign(key string) bool {
	path := strings.TrimPrefix(key, destPath)
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.at(key)
	switch {
	case is == nil:
		return false
	case len(w.agents) > 1:
		return is.digest != w.now[path]
	}
	return w.model.behind[key] && !w.model.versions[path][is.digest]
}

// arrived tells that all that is wanted and can be had was there. What is there is used and taken back, and so is what cannot be had: others may wait for
// its pins.
func (w *world) arrived() bool {
	left := 0
	for _, a := range w.agents {
		list := a.statuses()
		if list == nil {
			return false
		}
		left += len(w.waiting(a))
		var over []string
		for _, j := range list {
			if j.State == dispatch.Ready {
				// The list is of the last pass, which may be a minute ago: what counts is what a hook is told now.
				r, err := a.d.Ready(context.Background(), j.ID, time.Hour)
				w.must(err)
				if !r.Ready {
					a.forgetStatuses(j.ID)
					left++
					continue
				}
				w.must(w.checkReady(a, j.ID, len(w.agents) == 1))
			}
			if j.State == dispatch.Ready || w.lost(j) {
				over = append(over, j.ID)
			}
		}
		if len(over) > 0 {
			w.note("%s's jobs %v are over", a.name, over)
			w.must(a.d.Remove(context.Background(), over))
			a.forgetStatuses(over...)
		}
	}
	return left == 0
}

// waiting are the jobs that are not ready and can be had.
func (w *world) waiting(a *agent) (out []dispatch.Status) {
	for _, j := range a.statuses() {
		if j.State != dispatch.Ready && !w.lost(j) {
			out = append(out, j)
		}
	}
	return out
}

// lost tells of a job that cannot be had: the source changed under one that was to fail then, or has nothing of what another one selects.
func (w *world) lost(j dispatch.Status) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return j.State == dispatch.Blocked && (w.fails[j.ID] || !w.selects(j.Selection))
}

// selects tells whether the source has something of a selection.
func (w *world) selects(terms []string) bool {
	return len(terms) == 0 || slices.ContainsFunc(w.sourcePaths(), func(path string) bool {
		return strings.HasPrefix(path, strings.TrimSuffix(terms[0], "**"))
	})
}

// collect ends the agents, and finds nothing left after each has looked.
func (w *world) collect() {
	w.mu.Lock()
	clear(w.made) // everything is read once more
	w.mu.Unlock()
	w.check()
	var temporary []string
	for _, a := range w.agents {
		a.ends()
		w.must(<-a.ended)
		a.ended <- nil
	}
	time.Sleep(time.Hour) // leases and what is being removed
	for _, a := range w.agents {
		_, err := a.s.Collect(context.Background(), map[string]store.Store{bucketName: a.dest}, 0, false)
		w.must(err)
		p, err := w.dest.List(context.Background(), store.ListOptions{Prefix: engine.TemporaryPrefix(a.dest.manifest)})
		w.must(err)
		for _, o := range p.Objects {
			temporary = append(temporary, o.Key)
		}
	}
	var uploads []string
	list, err := w.dest.ListUploads(context.Background(), "")
	w.must(err)
	for _, u := range list {
		uploads = append(uploads, u.Key+" "+u.ID)
	}
	w.model.collected(uploads, temporary)
	for _, a := range w.agents {
		w.must(a.stop())
	}
}

func checksums(b []byte) store.Checksums {
	return store.Checksums{
		CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))),
	}
}
