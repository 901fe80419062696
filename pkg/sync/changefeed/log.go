package changefeed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/avro/ocf"

	"github.com/datagravity/datagravity/pkg/store"
)

// The fields of an event that count; a file's own schema says what else there is.
const (
	subjectField = "subject"
	typeField    = "eventType"
)

// control events are the feed's own.
const control = "Control"

// Bounds on a block of events: a damaged or hostile file takes no more memory.
const mostBlock = 16 << 20

// log looks through the events of a file after those that were read, and counts all.
func (r *reader) log(o store.Object, read int64) (n int64, err error) {
	if o.Size == 0 {
		return 0, nil
	}
	if o.Size > mostLog {
		return 0, fmt.Errorf("%s has %d bytes, more than %d", o.Key, o.Size, int64(mostLog))
	}
	records, err := ocf.NewReader(&content{ctx: r.ctx, s: r, o: o}, ocf.WithMaxBlockBytes(mostBlock), ocf.WithMaxDecompressedBlockBytes(mostBlock))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.Key, err)
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	for ; ; n++ {
		var e map[string]any
		if err := records.Decode(&e); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, fmt.Errorf("%s: event %d: %w", o.Key, n, err)
		}
		subject, named := e[subjectField].(string)
		kind, typed := e[typeField].(string)
		if !named || !typed {
			return n, fmt.Errorf("%s: event %d has no %s or %s", o.Key, n, subjectField, typeField)
		}
		if n >= read && kind != control && strings.HasPrefix(subject, r.subject) {
			r.found = true
		}
	}
}

// readAtOnce of a file of events.
const readAtOnce = 4 << 20

// content reads an object from its beginning, as it was listed.
type content struct {
	ctx context.Context
	s   Store
	o   store.Object
	off int64
	buf []byte
}

// Read is [io.Reader.Read].
func (c *content) Read(p []byte) (int, error) {
	if len(c.buf) == 0 {
		b := make([]byte, min(readAtOnce, c.o.Size-c.off))
		if len(b) == 0 {
			return 0, io.EOF
		}
		if err := c.s.ReadRange(c.ctx, c.o.Ref(), c.off, b); err != nil {
			return 0, err
		}
		c.buf, c.off = b, c.off+int64(len(b))
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}
