package daemon

import (
	"net"
	"sync"
)

const (
	// mostConnections are open over TCP at the same time, mostOfOne of them from one address.
	mostConnections = 256
	mostOfOne       = 64
)

// bounded is a listener that hangs up at once on more connections than there may be: one that waited for another to end would wait for whoever holds them all.
type bounded struct {
	net.Listener
	most, ofOne int

	mu    sync.Mutex
	count int
	from  map[string]int
}

func newBounded(l net.Listener, most, ofOne int) *bounded {
	return &bounded{Listener: l, most: most, ofOne: ofOne, from: map[string]int{}}
}

// Accept returns the next connection that may stay.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil {
			host = c.RemoteAddr().String()
		}
		if b.add(host) {
			return &counted{Conn: c, of: b, host: host}, nil
		}
		_ = c.Close() // it was not wanted
	}
}

func (b *bounded) add(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= b.most || b.from[host] >= b.ofOne {
		return false
	}
	b.count++
	b.from[host]++
	return true
}

func (b *bounded) remove(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	if b.from[host]--; b.from[host] == 0 {
		delete(b.from, host)
	}
}

// counted is a connection that is one less when it is closed.
type counted struct {
	net.Conn
	of   *bounded
	host string
	once sync.Once
}

// Close closes it, and makes room.
func (c *counted) Close() error {
	c.once.Do(func() { c.of.remove(c.host) })
	return c.Conn.Close()
}
