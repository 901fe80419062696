package engine

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// hop is one of the ways that bytes go in a run.
type hop int

const (
	hopIn   hop = iota // source to agent: what is received is billed
	hopOut             // agent to destination: what is sent is billed
	hopBack            // destination to agent
)

// crossing describes a request over a hop: bytes of payload at most, and its billed operation.
func (r *run) crossing(h hop, path string, payload int64, op cost.Op, requests int64) cost.Crossing {
	c := cost.Crossing{
		Link: r.Route.Link, Dataset: r.Dataset.Name, Path: path, Need: r.Need, Activity: r.Activity, Job: r.For.Job, Team: r.For.Team,
		Bytes:    cost.WithMargin(payload, requests),
		Requests: map[cost.Op]int64{op: requests},
	}
	switch h {
	case hopIn:
		c.From, c.To, c.Rate, c.RequestPrices = r.Route.Source, r.Route.Agent, r.Route.In, r.Route.SourcePrices
	case hopOut:
		c.From, c.To, c.Rate, c.RequestPrices = r.Route.Agent, r.Route.Destination, r.Route.Out, r.Route.DestinationPrices
		c.StorageClass = r.Route.DestinationClass
	case hopBack:
		c.From, c.To, c.Rate, c.RequestPrices = r.Route.Destination, r.Route.Agent, r.Route.Back, r.Route.DestinationPrices
		c.StorageClass = r.Route.DestinationClass
		c.Retrieval, _ = r.ledger.Book().Retrieval(c.RequestPrices, c.StorageClass, payload)
	}
	return c
}

// receipt is a request that was made and paid for, to be settled together with what it achieved.
type receipt struct {
	ticket *cost.Ticket
	place  int // of the crossing in the ticket
	// share is set where the ticket pays for many requests: what moved is noted there, and whoever holds the ticket settles
	// all of it.
	share *cost.Moved
	c     cost.Crossing
	moved cost.Moved
}

// holds tells whether the crossing holds a reservation; a free one does not.
func (p receipt) holds() bool { return p.ticket != nil && p.ticket.Holds(p.place) }

// pay makes a request under a reservation. Each further attempt is reserved anew, and the one before is charged whole,
// unless it provably never left: the service may have sent more than we read. On success the receipt must be settled.
func (r *run) pay(ctx context.Context, h hop, c cost.Crossing, request func(ctx context.Context) error) (receipt, error) {
	ticket, err := r.ledger.Reserve([]cost.Crossing{c}, nil)
	if err != nil {
		return receipt{}, err
	}
	return r.payFrom(ctx, h, receipt{ticket: ticket, c: c}, request)
}

// payFrom is pay with a first attempt that is reserved already.
func (r *run) payFrom(ctx context.Context, h hop, p receipt, request func(ctx context.Context) error) (receipt, error) {
	var used store.Usage
	var base int64
	measured := func() int64 {
		if h == hopOut {
			return used.Sent.Load()
		}
		return used.Received.Load()
	}
	// end of an attempt that failed; unspent tells that its reservation can serve the next.
	end := func(cause error) (unspent bool, err error) {
		base = measured()
		switch never := neverSent(cause); {
		case p.share != nil && never:
			return true, nil
		case p.share != nil:
			*p.share = cost.Moved{Bytes: p.c.Bytes, Requests: p.c.Requests}
			return false, nil
		case never:
			return false, p.ticket.Release()
		}
		err = p.ticket.ChargeWhole()
		r.addUSD(receipt{ticket: p.ticket})
		return false, err
	}
	ctx = store.WithUsage(ctx, &used)
	ctx = store.WithAttempt(ctx, func(_ context.Context, previous error) error {
		if unspent, err := end(previous); err != nil || unspent {
			return err
		}
		next, err := r.ledger.Reserve([]cost.Crossing{p.c}, nil)
		if err == nil {
			p = receipt{ticket: next, c: p.c}
		}
		return err
	})
	err := request(ctx)
	r.wire(used.Received.Load(), used.Sent.Load(), 0)
	if err != nil {
		_, endErr := end(err)
		return receipt{}, errors.Join(err, endErr)
	}
	p.moved = cost.Moved{Bytes: measured() - base, Requests: p.c.Requests}
	if used.Requests.Load() == 0 && p.moved.Bytes == 0 {
		p.moved.Requests = nil // another run's request served this one, and pays for it
	}
	if p.share != nil {
		*p.share = p.moved
	}
	return p, nil
}

// neverSent tells a failure before anything reached the service.
func neverSent(err error) bool {
	var e *store.Error
	return errors.As(err, &e) && e.NotSent
}

// settleIn books receipts inside a transaction; the functions returned must run after it committed.
func (r *run) settleIn(tx *manifest.Tx, receipts ...receipt) (finish []func() error, err error) {
	for _, p := range receipts {
		if p.ticket == nil || p.share != nil {
			continue
		}
		f, err := p.ticket.SettleIn(tx, []cost.Moved{p.moved})
		if err != nil {
			return nil, err
		}
		finish = append(finish, f)
	}
	return finish, nil
}

// settle books receipts together with what else the transaction does.
func (r *run) settle(with func(*manifest.Tx) error, receipts ...receipt) error {
	var finish []func() error
	if err := r.m.Batch(func(tx *manifest.Tx) (err error) {
		if finish, err = r.settleIn(tx, receipts...); err != nil || with == nil {
			return err
		}
		return with(tx)
	}); err != nil {
		return recordError(err)
	}
	for _, f := range finish {
		if err := f(); err != nil {
			return recordError(err)
		}
	}
	r.addUSD(receipts...)
	return nil
}

// settleHeld settles receipts on their own, where nothing else is recorded with them. Free ones hold nothing and make no
// transaction.
func (r *run) settleHeld(receipts ...receipt) error {
	var held []receipt
	for _, p := range receipts {
		if p.holds() && p.share == nil {
			held = append(held, p)
		}
	}
	if len(held) == 0 {
		return nil
	}
	return r.settle(nil, held...)
}

func (r *run) addUSD(receipts ...receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range receipts {
		if p.ticket != nil && p.share == nil {
			r.summary.USD += p.ticket.SettledNanoUSD()
		}
	}
}

// control makes a small request (create, complete, head, abort) under a reservation and settles it at once.
func (r *run) control(ctx context.Context, h hop, path string, payload int64, op cost.Op, notes *notes, request func(ctx context.Context) error) error {
	p, err := r.pay(ctx, h, r.crossing(h, path, payload, op, 1), request)
	if err != nil {
		return err
	}
	notes.add(p)
	return r.settleHeld(p)
}

// notes collect what went over free hops, to be booked with the shard's record.
type notes struct{ list []receipt }

// add keeps a receipt whose crossing was free; a paid one is settled on its own.
func (n *notes) add(p receipt) {
	if p.ticket != nil && !p.holds() {
		n.put(p)
	}
}

// merge takes over what other notes have.
func (n *notes) merge(o notes) {
	for _, p := range o.list {
		n.put(p)
	}
}

func (n *notes) put(p receipt) {
	for i := range n.list {
		if n.list[i].c.From == p.c.From && n.list[i].c.To == p.c.To && n.list[i].c.RequestPrices == p.c.RequestPrices {
			n.list[i].moved = addMoved(n.list[i].moved, p.moved)
			n.list[i].c.Retrieval = cost.AddNanoUSD(n.list[i].c.Retrieval, p.c.Retrieval)
			return
		}
	}
	n.list = append(n.list, receipt{c: p.c, moved: addMoved(cost.Moved{}, p.moved)})
}

func addMoved(a, b cost.Moved) cost.Moved {
	sum := cost.Moved{Bytes: a.Bytes + b.Bytes, Requests: map[cost.Op]int64{}}
	for _, m := range []cost.Moved{a, b} {
		for op, n := range m.Requests {
			sum.Requests[op] += n
		}
	}
	return sum
}

// Pace waits until a link's limit lets so many bytes pass, for those that read over it beside the engine.
func (e *Engine) Pace(ctx context.Context, link cost.Link, bytes int64) error {
	return e.o.Links.For(pace.Link(link)).Wait(ctx, bytes)
}
