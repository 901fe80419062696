package meter

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

type stallLimit struct {
	bytes  int64
	window time.Duration
}

func (o Options) stallLimit() stallLimit {
	return stallLimit{bytes: o.StallBytes, window: o.StallWindow}
}

// StallError says that the peer moved too few bytes for too long. It is a timeout (net.Error) and [store.ErrTransient].
type StallError struct {
	Sending bool
	Bytes   int64 // that moved within the window
	Window  time.Duration
}

// Error says what happened; trying again on a new connection is what usually helps.
func (e *StallError) Error() string {
	way := "received"
	if e.Sending {
		way = "sent"
	}
	return fmt.Sprintf("stalled: only %d bytes %s in %v", e.Bytes, way, e.Window)
}

// Timeout makes it a net.Error timeout.
func (e *StallError) Timeout() bool { return true }

// Temporary completes net.Error.
func (e *StallError) Temporary() bool { return true }

// Unwrap makes it a transient failure for the store layer.
func (e *StallError) Unwrap() error { return store.ErrTransient }

// forMethod is the limit for a response. Only the answer to a GET is expected to flow: S3 answers a
// CompleteMultipartUpload with its headers at once and then one space now and again for minutes, until it is done.
func (l stallLimit) forMethod(method string) stallLimit {
	if l.bytes <= 0 || method == "GET" {
		return l
	}
	return stallLimit{bytes: 1, window: 4 * l.window}
}

// body cuts a response that trickles. Only time spent inside Read counts: a consumer that reads late is no fault of the
// peer's.
type body struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
	limit  stallLimit

	mu      sync.Mutex
	timer   *time.Timer
	reading bool
	started time.Time     // of the Read going on, or of the window if that began within it
	waited  time.Duration // in this window, by Reads that ended
	moved   int64         // bytes in this window
	stall   *StallError
}

// Read passes on; after a stall it returns a *StallError for good.
func (b *body) Read(p []byte) (int, error) {
	if b.limit.bytes <= 0 {
		n, err := b.ReadCloser.Read(p)
		if err != nil {
			b.cancel(nil)
		}
		return n, err
	}
	b.begin()
	n, err := b.ReadCloser.Read(p)
	if stall := b.end(int64(n)); stall != nil && err != io.EOF {
		return n, stall
	}
	if err != nil {
		b.cancel(nil)
	}
	return n, err
}

// Close ends the request; a body that was not read to its end takes its connection down with it.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

func (b *body) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading, b.started = true, time.Now()
	rest := b.limit.window - b.waited
	if b.timer == nil {
		b.timer = time.AfterFunc(rest, b.expire)
		return
	}
	b.timer.Reset(rest)
}

func (b *body) end(n int64) *StallError {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	b.reading = false
	b.waited += time.Since(b.started)
	b.moved += n
	b.judge()
	return b.stall
}

// expire runs when a Read has not come back within the window.
func (b *body) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.reading {
		return
	}
	now := time.Now()
	b.waited += now.Sub(b.started)
	b.started = now
	b.judge()
	if b.stall == nil {
		b.timer.Reset(b.limit.window - b.waited)
	}
}

// judge closes the window if it is over.
func (b *body) judge() {
	if b.waited < b.limit.window || b.stall != nil {
		return
	}
	if b.moved < b.limit.bytes {
		b.stall = &StallError{Bytes: b.moved, Window: b.limit.window}
		b.cancel(b.stall)
		return
	}
	b.waited, b.moved = 0, 0
}
