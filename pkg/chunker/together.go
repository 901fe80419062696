package chunker

import (
	"sync"
	"sync/atomic"

	"github.com/zeebo/blake3"
)

// together works on one shard with several goroutines. Each takes the next block and carries it through all stages:
//
//	read       one at a time, in order
//	checksum   any order: also brings the block into the cache of the core that does the rest
//	find       one at a time, in order: 1/12 of the work, so up to some ten cores none waits long
//	digest     any order: the block's place in the shard's tree, and the chunks whose ends were found in it
//	emit       one at a time, in order
func together(s source, p Params, o Options, workers int, emit func(Chunk) error) (Sums, error) {
	find, err := newFinder(p)
	if err != nil {
		return Sums{}, err
	}
	extra, err := newExtraHashes(o.Extra)
	if err != nil {
		return Sums{}, err
	}
	t := &team{source: s, find: find, extra: extra, emit: emit, waiting: map[int]finished{}}
	first := make(chan struct{})
	close(first)
	t.findTurn, t.extraTurn = first, first
	var all sync.WaitGroup
	for range workers {
		all.Go(t.work)
	}
	all.Wait()
	if t.err != nil {
		return Sums{}, t.err
	}
	sums, err := CombineParts(t.parts, feedBlockBytes, t.size)
	sums.Extra = t.extra.digests()
	return sums, err
}

// team is what the workers on one shard share.
type team struct {
	source source

	reading             sync.Mutex // for the fields down to the next blank line
	blocks              int
	size                int64
	ended               bool
	findTurn, extraTurn chan struct{} // of the next block; closed when it may go on

	// Used by one worker at a time, in the order of the blocks.
	find  *finder
	open  []*block // hold bytes of the open chunk, in order
	ends  []int64
	extra extraHashes

	emitting sync.Mutex // for the fields below
	emit     func(Chunk) error
	waiting  map[int]finished // by number
	emitted  int
	parts    []PartSums
	err      error
}

// block is a piece of the shard that is being worked on.
type block struct {
	number    int
	offset    int64
	data      []byte
	only      bool // it is the whole shard
	last      bool
	users     atomic.Int32
	findTurn  <-chan struct{}
	findDone  chan<- struct{}
	extraTurn <-chan struct{}
	extraDone chan<- struct{}
}

func (b *block) end() int64 { return b.offset + int64(len(b.data)) }

// piece is a run of a chunk's bytes within one block.
type piece struct {
	*block
	bytes []byte
}

// task is a chunk that waits for its digest.
type task struct {
	chunk  Chunk
	pieces []piece
}

// finished is what became of a block.
type finished struct {
	chunks []task
	sums   PartSums
}

func (t *team) work() {
	hasher := blake3.New()
	for {
		b := t.next()
		if b == nil {
			return
		}
		sums := PartSums{CRC64NVME: CRC64NVME(b.data), CRC32C: CRC32C(b.data)}
		<-b.findTurn
		tasks := t.cut(b)
		close(b.findDone)
		if len(t.extra.hashes) > 0 {
			<-b.extraTurn
			t.extra.write(b.data)
			close(b.extraDone)
		}
		sums.CV = PartDigest(b.data, b.offset, b.only)
		for i := range tasks {
			tasks[i].digest(hasher)
			for _, p := range tasks[i].pieces {
				t.drop(p.block)
			}
		}
		t.drop(b)
		t.finish(b.number, finished{chunks: tasks, sums: sums})
	}
}

// next reads a block; nil when there is none any more or something failed.
func (t *team) next() *block {
	t.reading.Lock()
	defer t.reading.Unlock()
	if t.ended {
		return nil
	}
	if t.failed(nil) {
		t.ended = true
		return nil
	}
	data, last, err := t.source.next()
	if err != nil {
		t.failed(err)
		t.ended = true
		return nil
	}
	findDone, extraDone := make(chan struct{}), make(chan struct{})
	b := &block{
		number: t.blocks, offset: t.size, data: data, only: last && t.size == 0, last: last,
		findTurn: t.findTurn, findDone: findDone, extraTurn: t.extraTurn, extraDone: extraDone,
	}
	b.users.Store(2) // the worker, and the list of those that hold the open chunk
	t.blocks++
	t.size += int64(len(data))
	t.ended = last
	t.findTurn, t.extraTurn = findDone, extraDone
	return b
}

// cut finds the chunks whose end b decides about.
func (t *team) cut(b *block) []task {
	t.open = append(t.open, b)
	start := t.find.start
	t.ends = t.find.find(b.data, t.ends[:0])
	if b.last {
		if t.ends = t.find.finish(t.ends); b.end() > t.find.start {
			t.ends = append(t.ends, b.end())
		}
	}
	tasks := make([]task, 0, len(t.ends))
	for _, end := range t.ends {
		k := task{chunk: Chunk{Offset: start, Length: end - start}}
		for len(t.open) > 0 && t.open[0].end() <= start {
			t.drop(t.open[0])
			t.open = t.open[1:]
		}
		for _, o := range t.open {
			if o.offset >= end {
				break
			}
			o.users.Add(1)
			k.pieces = append(k.pieces, piece{o, o.data[max(start-o.offset, 0):min(end-o.offset, int64(len(o.data)))]})
		}
		tasks = append(tasks, k)
		start = end
	}
	return tasks
}

// digest names the chunk.
func (k *task) digest(hasher *blake3.Hasher) {
	if len(k.pieces) == 1 {
		k.chunk.Digest = Digest(PartDigest(k.pieces[0].bytes, 0, true))
		return
	}
	hasher.Reset()
	for _, p := range k.pieces {
		_, _ = hasher.Write(p.bytes) // a Hasher never fails
	}
	hasher.Sum(k.chunk.Digest[:0])
}

// drop lets a block go once nobody needs it any more.
func (t *team) drop(b *block) {
	if b.users.Add(-1) == 0 {
		t.source.release(b.data)
	}
}

// finish emits what is next in order.
func (t *team) finish(number int, f finished) {
	t.emitting.Lock()
	defer t.emitting.Unlock()
	t.waiting[number] = f
	for {
		f, ok := t.waiting[t.emitted]
		if !ok {
			return
		}
		delete(t.waiting, t.emitted)
		t.emitted++
		t.parts = append(t.parts, f.sums)
		for _, k := range f.chunks {
			if t.err == nil {
				t.err = t.emit(k.chunk)
			}
		}
	}
}

// failed notes an error, if there is none yet, and tells whether there is one.
func (t *team) failed(err error) bool {
	t.emitting.Lock()
	defer t.emitting.Unlock()
	if t.err == nil {
		t.err = err
	}
	return t.err != nil
}
