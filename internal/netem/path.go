package netem

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Path is a long way to a server, of which each connection has a share of its own: what a bandwidth and a latency of [Options] say, and nothing else,
// at a tenth of the processor time that toxiproxy takes for it. Where clients, servers and the network share a few cores, that is what
// decides how fast the clients look.
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
	size := int(p.BytesPerSecond * int64(pieceTime) / int64(time.Second))
	var latency time.Duration
	if back {
		latency = time.Duration(p.LatencyMs) * time.Millisecond
	}
	// What is under way at once: two pieces beside those that the latency holds.
	free := make(chan []byte, 2+int((latency+pieceTime-1)/pieceTime))
	for range cap(free) {
		free <- nil
	}
	onTheWay := make(chan piece, cap(free))
	ended := make(chan error, 1)
	go func() {
		defer close(onTheWay)
		ended <- p.enter(src, n, size, latency, free, onTheWay)
	}()
	var werr error
	for pc := range onTheWay {
		if werr == nil {
			time.Sleep(time.Until(pc.due))
			if _, werr = dst.Write(pc.data); werr != nil {
				breaks(src) // ends the reader
			}
		}
		free <- pc.data[:cap(pc.data)]
	}
	if err := <-ended; werr == nil && errors.Is(err, io.EOF) {
		if tcp, ok := dst.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
			return
		}
	}
	breaks(dst)
	breaks(src)
}

// enter reads pieces until the source ends, no faster than the path takes them.
func (p Path) enter(src net.Conn, n *atomic.Int64, size int, latency time.Duration, free <-chan []byte, onTheWay chan<- piece) error {
	var entered time.Time // when the last piece was in the path
	for {
		buf := <-free
		if buf == nil {
			buf = make([]byte, size)
		}
		k, err := src.Read(buf)
		if k > 0 {
			n.Add(int64(k))
			// What waited for a sleep that was too long has waited in the path's queue, and may enter at once; it was read now all the same.
			now := time.Now()
			if latest := now.Add(-pieceTime); entered.Before(latest) {
				entered = latest
			}
			entered = entered.Add(time.Duration(int64(k) * int64(time.Second) / p.BytesPerSecond))
			brought := entered
			if brought.Before(now) {
				brought = now
			}
			onTheWay <- piece{buf[:k], brought.Add(latency)}
		}
		if err != nil {
			return err
		}
		time.Sleep(time.Until(entered))
	}
}
