package netem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Path is a long way to a server, of which each connection has a share of its own: what the bandwidth and the latency of [Options] say, at half of the
// processor's time that toxiproxy and a [Meter] take for it. Where clients, servers and the network share a few cores, that is what decides how fast
// the clients look.
type Path struct {
	// BytesPerSecond is the most that each connection moves, in each direction; at least 100,000.
	BytesPerSecond int64
	// LatencyMs is added to the way back, and so to each round trip, in milliseconds.
	LatencyMs int64
}

// StartPath opens a path to upstream, a host:port, that counts what passes.
func StartPath(upstream string, p Path) (*Meter, error) {
	if p.BytesPerSecond < 100_000 || p.LatencyMs < 0 {
		return nil, fmt.Errorf("a path of %d bytes per second and %d ms: want at least 100000 and 0", p.BytesPerSecond, p.LatencyMs)
	}
	return startMeter(upstream, p.pass)
}

// pieceTime is how much of a connection's time one piece takes: long enough that a core is not woken for every segment, short beside any latency
// between sites.
const pieceTime = 10 * time.Millisecond

// piece is what was read at once, and when the path has brought all of it.
type piece struct {
	data []byte
	due  time.Time
}

// pass copies as the path allows until the source ends, and hands that end on as passAtOnce does. A piece enters the path when the one before it
// has, and leaves it after the latency: meanwhile others follow, so that latency takes no bandwidth.
func (p Path) pass(dst, src net.Conn, n *atomic.Int64, back bool) {
	size := p.BytesPerSecond * int64(pieceTime) / int64(time.Second)
	var latency time.Duration
	if back {
		latency = time.Duration(p.LatencyMs) * time.Millisecond
	}
	// What is under way at once: two pieces beside what the latency holds.
	held := p.BytesPerSecond * int64(latency) / int64(time.Second)
	w := &way{Path: p, latency: latency, size: size, room: semaphore.NewWeighted(2*size + held), free: make(chan []byte, 64), pieces: make(chan piece, 4096)}
	ended := make(chan error, 1)
	go func() {
		defer close(w.pieces)
		ended <- w.enter(src, n)
	}()
	var werr error
	for pc := range w.pieces {
		if werr == nil {
			time.Sleep(time.Until(pc.due))
			if _, werr = dst.Write(pc.data); werr != nil {
				breaks(src) // ends the reader
			}
		}
		w.left(pc.data)
	}
	if err := <-ended; werr == nil && errors.Is(err, io.EOF) {
		if tcp, ok := dst.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
			return
		}
	}
	breaks(dst)
	breaks(src)
}

// way is one direction of one connection.
type way struct {
	Path
	latency time.Duration
	size    int64 // of a piece, at most
	room    *semaphore.Weighted
	free    chan []byte // buffers
	pieces  chan piece  // under way
}

// enter reads pieces until the source ends, no faster than the path takes them.
func (w *way) enter(src net.Conn, n *atomic.Int64) error {
	var entered time.Time // when the last piece was in the path
	for {
		_ = w.room.Acquire(context.Background(), w.size) // never fails: the context does not end
		buf := w.buffer()
		asked := time.Now()
		k, err := src.Read(buf)
		w.room.Release(w.size - int64(k))
		if k > 0 {
			n.Add(int64(k))
			now := time.Now()
			entered = w.from(entered, asked, now).Add(time.Duration(int64(k) * int64(time.Second) / w.BytesPerSecond))
			brought := entered
			if brought.Before(now) {
				brought = now
			}
			w.pieces <- piece{w.kept(buf, k), brought.Add(w.latency)}
		}
		if err != nil {
			return err
		}
		time.Sleep(time.Until(entered))
	}
}

// from is when bytes that were read now began to enter, of a source that was asked for them a while before. What came at once had waited, for a sleep that
// was too long or for room: it enters behind the last piece, but for more than a piece's time nothing is made up.
func (w *way) from(entered, asked, now time.Time) time.Time {
	from := now
	if now.Sub(asked) < time.Millisecond {
		from = asked.Add(-pieceTime)
	}
	if entered.After(from) {
		return entered
	}
	return from
}

func (w *way) buffer() []byte {
	select {
	case buf := <-w.free:
		return buf
	default:
		return make([]byte, w.size)
	}
}

// kept are the first bytes of a buffer, which is free again if they are few: what is under way takes little more memory than its bytes.
func (w *way) kept(buf []byte, k int) []byte {
	if k > len(buf)/4 {
		return buf[:k]
	}
	few := append([]byte(nil), buf[:k]...)
	w.recycle(buf)
	return few
}

// left tells that a piece is through.
func (w *way) left(data []byte) {
	w.room.Release(int64(len(data)))
	w.recycle(data[:cap(data)])
}

func (w *way) recycle(buf []byte) {
	if int64(cap(buf)) < w.size {
		return
	}
	select {
	case w.free <- buf[:w.size]:
	default:
	}
}
