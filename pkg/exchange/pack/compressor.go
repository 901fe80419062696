package pack

import (
	"fmt"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

// compressor keeps the library's encoders, which have tables of up to 34 MB each, from frame to frame.
//
// A dictionary is indexed anew for every frame. The library does that in its stream encoder as soon as it is told of the
// dictionary, and EncodeAll would do it once more in another encoder; so deltas are written as streams, at twice the speed.
type compressor struct {
	plain *zstd.Encoder
	delta [Best + 1]*zstd.Encoder
	level Level
	// runBytes is what plain looks back.
	runBytes int64
	sink     sink
}

// sink is a stream's destination.
type sink struct{ bytes []byte }

func (s *sink) Write(b []byte) (int, error) {
	s.bytes = append(s.bytes, b...)
	return len(b), nil
}

// newLibraryEncoder looks back windowBytes at most, and keeps about as much.
func newLibraryEncoder(level Level, windowBytes int64) (*zstd.Encoder, error) {
	windowBytes = max(windowBytes, 128<<10) // a block's, below which the library would make smaller blocks
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(level.zstd()),
		zstd.WithEncoderConcurrency(1), // the caller has an Encoder for each core
		zstd.WithEncoderCRC(false),     // chunks have digests
		zstd.WithSingleSegment(true),   // so that the content's size is always written
		zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(1<<bits.Len64(uint64(windowBytes-1))),
	)
	if err != nil {
		return nil, fmt.Errorf("pack: zstd: %w", err)
	}
	return e, nil
}

// compress appends content as one zstd frame.
func (c *compressor) compress(to, content []byte) ([]byte, error) {
	if c.plain == nil {
		e, err := newLibraryEncoder(c.level, c.runBytes)
		if err != nil {
			return nil, err
		}
		c.plain = e
	}
	return c.plain.EncodeAll(content, to), nil
}

// compressDelta appends content as one zstd frame with base as its dictionary.
func (c *compressor) compressDelta(to, content, base []byte) ([]byte, error) {
	level := c.level.forDelta(int64(len(content) + len(base)))
	if c.delta[level] == nil {
		window := maxWindowBytes
		if level == DefaultLevel {
			window = 2 * deltaRunBytes
		}
		e, err := newLibraryEncoder(level, window)
		if err != nil {
			return nil, err
		}
		c.delta[level] = e
	}
	e := c.delta[level]
	c.sink.bytes = to
	defer func() { c.sink.bytes = nil }()
	if level == Best && c.level != Best {
		defer func() { c.delta[Best] = nil }() // 90 MB for a chunk of rare size
	}
	err := e.ResetWithOptions(&c.sink, zstd.WithEncoderDictRaw(0, base))
	if err == nil {
		e.ResetContentSize(&c.sink, int64(len(content)))
		_, err = e.Write(content)
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack: zstd: %w", err)
	}
	return c.sink.bytes, nil
}
