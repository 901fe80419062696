package meter

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// conn counts into its current owner and into the client's total as bytes pass, so that nothing is lost when a request
// ends in an unusual way.
type conn struct {
	net.Conn
	owner atomic.Pointer[store.Usage]
	total *store.Usage
	sent  atomic.Int64 // over this connection, whoever owned it
	limit stallLimit
	// ownDeadline: crypto/tls bounds its close alert with a deadline of its own, which ours must not extend.
	ownDeadline atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.owner.Load().Received.Add(int64(n))
		c.total.Received.Add(int64(n))
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	written := 0
	for {
		bounded := c.limit.bytes > 0 && !c.ownDeadline.Load()
		if bounded {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(c.limit.window)); err != nil {
				return written, err
			}
		}
		n, err := c.Conn.Write(p[written:])
		if n > 0 {
			written += n
			c.sent.Add(int64(n))
			c.owner.Load().Sent.Add(int64(n))
			c.total.Sent.Add(int64(n))
		}
		if bounded && errors.Is(err, os.ErrDeadlineExceeded) && !c.ownDeadline.Load() {
			if int64(n) >= c.limit.bytes && written < len(p) {
				continue // slow, but moving
			}
			return written, &StallError{Sending: true, Bytes: int64(n), Window: c.limit.window}
		}
		return written, err
	}
}

// copyBytes is how much of a body that is sent in the clear goes out at once.
const copyBytes = 256 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// ReadFrom is how net/http sends a body over a connection without TLS. Left to itself it does so 32 KiB at a time, each with a deadline and a wait
// of its own. It goes by way of a buffer, not with io.WriterTo straight from memory: the AWS SDK's body has a lock that it would hold all the while, and Close,
// which follows an early answer, would wait for a server that reads no further.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{c}, r, buf[:])
}

// SetDeadline and SetWriteDeadline note that somebody else decides from now on.
func (c *conn) SetDeadline(t time.Time) error {
	c.ownDeadline.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline: see SetDeadline.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.ownDeadline.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}
