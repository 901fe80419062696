package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// board is what is planned from, in memory: which shards jobs want where, and which of them are missing. It is made from the manifest alone, and kept,
// because jobs change one by one and snapshots never.
type board struct {
	made    time.Time
	problem *schedule.Problem
	uses    []cost.Use
	counted []cost.Allowance // the problem's budgets
	pricer  *plan.Pricer
	// at are the places of the jobs in the problem, by id.
	at     map[string]int
	jobs   []entry // of the jobs in the problem, in its order
	tables map[tableKey]*table
	shards map[chunker.Digest]*listed
	links  []linkKey
	// subjects are the links as budgets and limits name them, and measured tells whose speed is known.
	subjects []cost.Link
	measured []bool
	routes   map[string]uint16
	// outlines by dataset and destination: what bringing something there costs is the same for all jobs.
	outlines map[[2]string]*plan.Plan
	// dirty are the jobs of which something changed since.
	dirty map[string]bool
	// version counts the changes of the board.
	version int
	// noted is when it last took note of what arrived for jobs that move, and noting how long that took.
	noted  time.Time
	noting time.Duration
}

// entry is a job on the board.
type entry struct {
	manifest.Job
	places []placed
}

// placed is a job at a destination: its shards' numbers are ranges of a table.
type placed struct {
	destination string
	table       *table
	ranges      []schedule.Range
	link        uint16
	// ready: the need is met, and nothing of it needs to be planned.
	ready bool
	url   string // of the folder that its shards are in, once it is ready
	err   error  // why nothing can be planned
}

// tableKey names a table. Jobs whose moves count against different budgets share none.
type tableKey struct {
	destination, dataset string
	snapshot             chunker.Digest
	route                uint16
	alone                string // the job or list that a table without a snapshot is for
}

// table is a snapshot at a destination: its shards have the numbers from base on.
type table struct {
	base, count uint32
	route       uint16
	store       string
	list        *listed // nil: it is a lump of what was never read whole
	// key of a path at the destination; nil for a lump.
	key func(path string) string
}

// listed are the shards of a snapshot. Their paths are one text: a million strings would be looked at by every garbage collection.
type listed struct {
	text    string
	ends    []int // of the paths in it
	sizes   []int64
	digests []chunker.Digest
}

func (l *listed) path(i int) string {
	if i == 0 {
		return l.text[:l.ends[0]]
	}
	return l.text[l.ends[i-1]:l.ends[i]]
}

type linkKey struct{ source, destination string }

func (l linkKey) String() string { return l.source + "->" + l.destination }

// boardAge is how old a board may become before it is made anew: shards can be found to be missing again.
const boardAge = 5 * time.Minute

// forget has the board look at a job again.
func (d *Dispatcher) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirty[id] = true
}

// current is the board as things stand. d.planning must be held.
func (d *Dispatcher) current() (*board, error) {
	now := d.now()
	d.mu.Lock()
	if d.mistaken {
		d.board, d.mistaken = nil, false
	}
	if d.board != nil {
		maps.Copy(d.board.dirty, d.dirty)
	}
	clear(d.dirty) // a board that is made now has looked at them
	d.mu.Unlock()
	if d.board != nil { // who was approved something since has budgets of his own
		uses, err := d.sync.Ledger.Uses()
		if err != nil {
			return nil, err
		}
		if !slices.Equal(cost.Allowances(uses), d.board.counted) {
			d.board = nil
		}
	}
	if d.board == nil || now.Sub(d.board.made).Abs() > boardAge || len(d.board.dirty) > len(d.board.jobs)/4+16 {
		b, err := d.newBoard()
		if err != nil {
			return nil, err
		}
		d.board = b
	}
	b := d.board
	if len(b.dirty) > 0 {
		if err := d.refresh(b); err != nil {
			d.board = nil
			return nil, err
		}
	}
	if err := d.progress(b, now); err != nil {
		d.board = nil
		return nil, err
	}
	b.problem.Now = now
	return b, d.standing(b)
}

const (
	// progressEvery is how often the board takes note of what arrived for jobs that move now. Without it a job that is half there would still want
	// the money and the time for all of it, beside what the budgets have spent for it.
	progressEvery = 5 * time.Second
	// progressRest is how many times as long as that took it is left alone, so that a million shards take a twentieth of a core at most.
	progressRest = 20
)

// progress notes what arrived for the jobs that move now. One shard of each stays missing until its move has ended: who has all of it has nothing to move, and
// what ends well is not to be stopped for that.
func (d *Dispatcher) progress(b *board, now time.Time) error {
	d.mu.Lock()
	moving := map[string]bool{}
	for _, c := range d.carries {
		moving[c.job] = true
	}
	d.mu.Unlock()
	if len(moving) == 0 || now.Sub(b.noted).Abs() < max(progressEvery, progressRest*b.noting) {
		return nil
	}
	for id := range moving {
		i, on := b.at[id]
		if !on {
			continue
		}
		came, missing, err := d.came(b, b.jobs[i])
		if err != nil {
			return err
		}
		if len(came) > 0 && len(came) == missing {
			came = came[1:]
		}
		for _, n := range came {
			b.problem.Arrived(n)
			b.version++
		}
	}
	b.noted = d.now()
	b.noting = b.noted.Sub(now)
	return nil
}

func (d *Dispatcher) newBoard() (*board, error) {
	b := &board{
		made: d.now(), problem: &schedule.Problem{}, at: map[string]int{}, tables: map[tableKey]*table{}, shards: map[chunker.Digest]*listed{},
		routes: map[string]uint16{}, outlines: map[[2]string]*plan.Plan{}, dirty: map[string]bool{},
	}
	var err error
	if b.uses, err = d.sync.Ledger.Uses(); err != nil {
		return nil, err
	}
	b.counted = cost.Allowances(b.uses)
	list, err := d.jobs()
	if err != nil {
		return nil, err
	}
	needs, err := d.needsByJob()
	if err != nil {
		return nil, err
	}
	var reach int64
	for _, j := range list {
		reach += min(j.Bytes, 1<<50)
	}
	b.pricer = plan.NewPricer(d.sync.Ledger, d.sync.Manifest, d.sync.Engine.PartBytes(), reach)
	for _, j := range list {
		if err := d.place(b, j, needs[j.ID]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// refresh looks again at the jobs of which something changed.
func (d *Dispatcher) refresh(b *board) error {
	b.version++
	for _, id := range slices.Sorted(maps.Keys(b.dirty)) { // their order is that in which jobs are confirmed: the same for the same jobs
		var j manifest.Job
		var known bool
		err := d.sync.Manifest.View(func(tx *manifest.Tx) (err error) {
			j, known, err = tx.Job(id)
			return err
		})
		if err != nil {
			return err
		}
		if i, on := b.at[id]; on {
			if err := d.arrivals(b, b.jobs[i]); err != nil {
				return err
			}
			b.take(i)
		}
		if !known || j.Over != 0 {
			continue
		}
		needs, err := d.needs(j)
		if err != nil {
			return err
		}
		if err := d.place(b, j, needs); err != nil {
			return err
		}
	}
	clear(b.dirty)
	return nil
}

// take removes a job, the last one takes its place.
func (b *board) take(i int) {
	last := len(b.jobs) - 1
	delete(b.at, b.jobs[i].ID)
	if i != last {
		b.jobs[i], b.problem.Jobs[i] = b.jobs[last], b.problem.Jobs[last]
		b.at[b.jobs[i].ID] = i
	}
	b.jobs, b.problem.Jobs = b.jobs[:last], b.problem.Jobs[:last]
}

// arrivals notes which of a job's missing shards are there by now.
func (d *Dispatcher) arrivals(b *board, e entry) error {
	came, _, err := d.came(b, e)
	for _, n := range came {
		b.problem.Arrived(n)
	}
	return err
}

// came are those of a job's missing shards that are there by now, and missing is how many the board has.
func (d *Dispatcher) came(b *board, e entry) (came []uint32, missing int, err error) {
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		for _, p := range e.places {
			if p.table == nil || p.table.list == nil {
				continue
			}
			for _, r := range p.ranges {
				for n := r.From; n < r.To; n++ {
					if b.problem.Missing(n) == 0 {
						continue
					}
					missing++
					i := n - p.table.base
					rep, ok, err := tx.Replica(p.table.store, p.table.key(p.table.list.path(int(i))))
					if err != nil {
						return err
					}
					if ok && rep.Present() && rep.Shard == p.table.list.digests[i] {
						came = append(came, n)
					}
				}
			}
		}
		return nil
	})
	return came, missing, err
}

// lacking is how much of a job is to come to a destination, and what that may take at the most.
type lacking struct {
	schedule.Amount
	wireBytes int64
	usd       cost.NanoUSD
}

func (b *board) missing(p placed) (m lacking) {
	for _, r := range p.ranges {
		for n := r.From; n < r.To; n++ {
			if size := b.problem.Missing(n); size > 0 {
				m.Shards++
				m.Bytes += size
				m.wireBytes += b.problem.WireBytes(n)
				m.usd = cost.AddNanoUSD(m.usd, b.problem.NanoUSD(n))
			}
		}
	}
	return m
}

// hopeless tells that nothing of a job can be had as it is.
func hopeless(j manifest.Job) bool { return j.Problem != nil && j.Problem.Final && !partly(j) }

// partly tells that some of a job's destinations are not configured; it is brought to the others.
func partly(j manifest.Job) bool {
	return j.Problem != nil && j.Problem.Kind == "unknown" && j.Resolved != 0
}

// place puts a job on the board.
func (d *Dispatcher) place(b *board, j manifest.Job, needs []manifest.Need) error {
	e := entry{Job: j}
	job := schedule.Job{ID: j.ID, NeedBy: j.NeedBy.Time(), Priority: j.Priority, Asked: j.Added.Time()}
	if hopeless(j) {
		job.Blocked = j.Problem.Text
	}
	impossible := 0
	for _, to := range j.To {
		p := placed{destination: to}
		n, met := metAt(j, to, needs)
		if p.ready = met; met {
			p.url = d.urlOf(j, n)
		}
		if !p.ready && j.Resolved != 0 {
			if p.err = d.lay(b, j, &p); p.err != nil {
				if impossible++; impossible == len(j.To) && job.Blocked == "" {
					job.Blocked = oneLine(p.err)
				}
			}
			job.Shards = append(job.Shards, p.ranges...)
		}
		e.places = append(e.places, p)
	}
	slices.SortFunc(job.Shards, func(x, y schedule.Range) int { return int(int64(x.From) - int64(y.From)) })
	b.at[j.ID] = len(b.jobs)
	b.jobs, b.problem.Jobs = append(b.jobs, e), append(b.problem.Jobs, job)
	return nil
}

// lay finds the numbers of a job's shards at a destination.
func (d *Dispatcher) lay(b *board, j manifest.Job, p *placed) error {
	q, err := d.catalog.Describe(j.Dataset, p.destination, payer(j))
	if err != nil {
		return err
	}
	outline, err := d.outline(b, q)
	if err != nil {
		return err
	}
	p.link = b.link(linkKey{q.Source.Dataset.Store, p.destination}, outline.Route.Link)
	k := tableKey{destination: p.destination, dataset: j.Dataset, snapshot: j.Snapshot, route: b.route(outline)}
	if j.Snapshot.IsZero() {
		// Until its shards were read a job's selection is one lump, which jobs share that select and miss the same.
		k.alone = fmt.Sprint(j.Globs, j.Paths, j.Lumps)
	}
	if p.table = b.tables[k]; p.table == nil {
		if p.table, err = d.newTable(b, j, q, outline, k, p.link); err != nil {
			return err
		}
		b.tables[k] = p.table
	}
	if t := p.table; t.list == nil {
		if t.count > 0 {
			p.ranges = []schedule.Range{{From: t.base, To: t.base + t.count}}
		}
		return nil
	}
	return j.Ranges.Each(func(start, end uint32) {
		end = min(end, p.table.count)
		if start < end {
			p.ranges = append(p.ranges, schedule.Range{From: p.table.base + start, To: p.table.base + end})
		}
	})
}

// outline is the plan of a request without its shards.
func (d *Dispatcher) outline(b *board, q dgsync.Request) (*plan.Plan, error) {
	k := [2]string{q.Source.Name, q.Destination.Name}
	known, ok := b.outlines[k]
	if !ok {
		var err error
		if known, err = d.sync.Outline(q); err != nil {
			return nil, err
		}
		b.outlines[k] = known
	}
	mine := *known
	mine.For = q.Source.For
	return &mine, nil
}

func (b *board) link(k linkKey, subject cost.Link) uint16 {
	if i := slices.Index(b.links, k); i >= 0 {
		return uint16(i)
	}
	b.links, b.subjects = append(b.links, k), append(b.subjects, subject)
	b.problem.Links = append(b.problem.Links, schedule.Link{Name: k.String(), Rates: []schedule.Rate{{}}})
	return uint16(len(b.links) - 1)
}

// route is the list of budgets that count what is planned.
func (b *board) route(p *plan.Plan) uint16 {
	list := cost.Counting(b.counted, b.uses, p.Over(p.Route.Link))
	k := fmt.Sprint(list)
	n, ok := b.routes[k]
	if !ok {
		n = uint16(len(b.problem.Routes))
		b.routes[k], b.problem.Routes = n, append(b.problem.Routes, list)
	}
	return n
}
