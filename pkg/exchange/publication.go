package exchange

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// windowBytes is how far back the compression may look, and so what a reader needs for it.
const windowBytes = 4 << 20

// Publication is a snapshot as an origin published it, proven. It holds the compressed bytes, some 100 for each shard, and no shards.
type Publication struct {
	key    string
	data   []byte
	header header
}

// Open reads the publication that a reference names and proves all of it: its size and digest before anything is decoded, then each
// line, and that the shards together are the snapshot. Errors: the store's, and [ErrBad]; a publication that is gone may have been
// collected since the reference was read, so that reading it again helps.
func Open(ctx context.Context, r Reader, ref Reference) (*Publication, error) {
	if err := ref.check(); err != nil {
		return nil, fmt.Errorf("open a publication of dataset %q: the reference: %w", ref.Dataset, err)
	}
	key := publicationKey(ref.Dataset, ref.Publication)
	data, err := readNamed(ctx, r, key, ref.Publication, ref.Bytes)
	if err != nil {
		return nil, fmt.Errorf("open a publication of dataset %q: %w", ref.Dataset, err)
	}
	p, err := openText(key, data)
	if err == nil && (p.header.Dataset != ref.Dataset || p.header.Snapshot != ref.Snapshot) {
		err = fmt.Errorf("it is about snapshot %s of dataset %q", p.header.Snapshot, p.header.Dataset)
	}
	if err == nil {
		err = p.prove()
	}
	if err != nil {
		return nil, bad(key, againHint, "%w", err)
	}
	return p, nil
}

// Header describes the snapshot. Bytes are those of its shards.
func (p *Publication) Header() manifest.SnapshotHeader {
	return manifest.SnapshotHeader{ID: p.header.Snapshot, Dataset: p.header.Dataset, Taken: p.header.Taken, Shards: p.header.Shards, Bytes: p.header.Bytes}
}

// Shards calls f for each shard in ascending byte order of the paths. One whose recipe was lost at the origin has a zero Recipe. Errors
// are those of f.
func (p *Publication) Shards(f func(manifest.Shard) error) error {
	return p.walk(func(s *manifest.Shard, _ place) error { return f(*s) })
}

// openText decodes the header of bytes that are proven.
func openText(key string, data []byte) (*Publication, error) {
	p := &Publication{key: key, data: data}
	return p, p.text(func(first []byte, _ *lineReader) (err error) {
		p.header, err = decodeHeader(first)
		return err
	})
}

// prove checks what only all lines together tell.
func (p *Publication) prove() error {
	id, err := newIdentity(p.header.Dataset, p.header.Shards)
	if err != nil {
		return err
	}
	used := make([]bool, len(p.header.Packs))
	var t tally
	err = p.walk(func(s *manifest.Shard, at place) error {
		if !s.Recipe.IsZero() {
			if err := p.header.checkPlace(at); err != nil {
				return fmt.Errorf("the recipe of %q: %w", s.Path, err)
			}
			used[at.pack] = true
		}
		if err := t.add(s); err != nil {
			return err
		}
		return id.add(s)
	})
	if err != nil {
		return err
	}
	if t.shards != p.header.Shards || t.bytes != p.header.Bytes {
		return fmt.Errorf("it has %d shards of %d bytes, and its header says %d of %d", t.shards, t.bytes, p.header.Shards, p.header.Bytes)
	}
	for i, is := range used {
		if !is {
			return fmt.Errorf("no shard's recipe is in pack %s", p.header.Packs[i].Digest)
		}
	}
	if got := id.id(); got != p.header.Snapshot {
		return fmt.Errorf("its shards are snapshot %s, and it says %s", got, p.header.Snapshot)
	}
	return nil
}

// walk decodes line by line; f must not keep s.
func (p *Publication) walk(f func(s *manifest.Shard, at place) error) error {
	return p.text(func(_ []byte, lines *lineReader) error {
		for n := 0; ; n++ {
			b, err := lines.next(maxLineBytes)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", n+2, err)
			}
			if n == p.header.Shards {
				return fmt.Errorf("more lines than the %d shards of its header", n)
			}
			s, at, err := decodeLine(b)
			if err != nil {
				return fmt.Errorf("line %d is malformed: %w", n+2, err)
			}
			if err := f(&s, at); err != nil {
				return err
			}
		}
	})
}

// text decompresses, and calls f with the first line and a reader of the others.
func (p *Publication) text(f func(first []byte, rest *lineReader) error) error {
	z, err := zstd.NewReader(bytes.NewReader(p.data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowBytes), zstd.WithDecoderMaxMemory(windowBytes))
	if err != nil {
		return err
	}
	defer z.Close()
	lines := &lineReader{r: bufio.NewReaderSize(z, 64<<10), left: maxTextBytes}
	first, err := lines.next(maxHeaderBytes)
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	return f(first, lines)
}

// lineReader reads lines with their line feeds, each bounded, and all of them together.
type lineReader struct {
	r    *bufio.Reader
	left int64
	long []byte
}

// next is valid until the following call. It is [io.EOF] behind the last line.
func (l *lineReader) next(most int) ([]byte, error) {
	l.long = l.long[:0]
	for {
		b, err := l.r.ReadSlice('\n')
		l.left -= int64(len(b))
		switch {
		case len(l.long)+len(b) > most || l.left < 0:
			return nil, fmt.Errorf("it has more than %d bytes, or the text more than %d", most, int64(maxTextBytes))
		case err == nil && len(l.long) == 0:
			return b, nil
		case err == nil:
			return append(l.long, b...), nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, b...)
		case errors.Is(err, io.EOF) && len(l.long)+len(b) > 0:
			return nil, errors.New("it does not end in a line feed, it is cut short")
		default:
			return nil, err
		}
	}
}
