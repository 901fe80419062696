package netem

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Counts are what passed a [Meter]: payload bytes of TCP, without its headers.
type Counts struct {
	SentBytes     int64 // from clients to the server
	ReceivedBytes int64 // from the server to clients
	Connections   int64 // opened so far
}

// Sub is what passed since an earlier count.
func (c Counts) Sub(earlier Counts) Counts {
	return Counts{c.SentBytes - earlier.SentBytes, c.ReceivedBytes - earlier.ReceivedBytes, c.Connections - earlier.Connections}
}

// Meter counts the bytes between clients and one server, from outside the program whose own meter it checks.
type Meter struct {
	// Addr is 127.0.0.1:PORT, where clients connect.
	Addr     string
	upstream string
	target   atomic.Pointer[string]
	listener net.Listener
	// pass moves what one end of a connection says to the other; back tells the way from the server to a client.
	pass func(dst, src net.Conn, n *atomic.Int64, back bool)

	sent, received, opened atomic.Int64

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	done   sync.WaitGroup
}

// StartMeter opens a meter in front of upstream, a host:port.
func StartMeter(upstream string) (*Meter, error) { return startMeter(upstream, passAtOnce) }

func startMeter(upstream string, pass func(dst, src net.Conn, n *atomic.Int64, back bool)) (*Meter, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Meter{Addr: ln.Addr().String(), upstream: upstream, listener: ln, pass: pass, conns: map[net.Conn]struct{}{}}
	m.Redirect(upstream)
	m.done.Go(m.accept)
	return m, nil
}

// Through returns a store's or an endpoint's URL with the meter in the server's place.
func (m *Meter) Through(url string) string { return through(url, m.upstream, m.Addr) }

// Redirect has connections that are opened from now on go to another host:port, such as one of a [Proxy] in front of the same server. So a network can
// change under a client that knows one address.
func (m *Meter) Redirect(upstream string) { m.target.Store(&upstream) }

// Counts tells what has passed. A byte is counted before it is passed on: what a client has seen has been counted.
func (m *Meter) Counts() Counts {
	return Counts{SentBytes: m.sent.Load(), ReceivedBytes: m.received.Load(), Connections: m.opened.Load()}
}

// Close ends every connection, frees the port, and waits until no byte can be counted any more.
func (m *Meter) Close() error {
	m.mu.Lock()
	m.closed = true
	err := m.listener.Close()
	for c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.done.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (m *Meter) accept() {
	for {
		client, err := m.listener.Accept()
		if err != nil {
			return // closed
		}
		m.done.Go(func() { m.serve(client) })
	}
}

func (m *Meter) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", *m.target.Load())
	if err != nil {
		return // the client sees the connection end, as with a server that is down
	}
	defer func() { _ = server.Close() }()
	if !m.track(client, server) {
		return
	}
	defer m.forget(client, server)
	m.opened.Add(1)
	var both sync.WaitGroup
	both.Go(func() { m.pass(server, client, &m.sent, false) })
	both.Go(func() { m.pass(client, server, &m.received, true) })
	both.Wait()
}

// track remembers the connections for Close, unless it was already called.
func (m *Meter) track(conns ...net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range conns {
		m.conns[c] = struct{}{}
	}
	return !m.closed
}

func (m *Meter) forget(conns ...net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range conns {
		delete(m.conns, c)
	}
}

// passAtOnce copies until the source ends, and hands that end on: a half-closed connection stays half open, a broken one breaks
// on both sides.
func passAtOnce(dst, src net.Conn, n *atomic.Int64, _ bool) {
	buf := make([]byte, 64<<10)
	for {
		k, err := src.Read(buf)
		n.Add(int64(k))
		if _, werr := dst.Write(buf[:k]); werr != nil {
			err = werr
		}
		if errors.Is(err, io.EOF) {
			if tcp, ok := dst.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
				return
			}
		}
		if err != nil {
			breaks(dst)
			breaks(src)
			return
		}
	}
}

// breaks ends a connection as a broken one ends: the other side is told by a reset, not by an end that could be one of the data.
func breaks(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed
	}
	_ = c.Close()
}
