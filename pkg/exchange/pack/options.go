package pack

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Level is how hard an [Encoder] tries. Every reader reads every level.
type Level int

// Measured on one core, with lines of JSON in runs of 1 MiB, and deltas of images of which a tenth is new. These come to
// 10.2 % at every level; the higher ones clear larger tables for each frame.
const (
	DefaultLevel Level = iota // lines to 33.0 % at 90 MB/s, deltas at 300 MB/s
	Fastest                   // lines to 34.4 % at 130 MB/s, deltas as with DefaultLevel
	Better                    // lines to 32.5 % at 70 MB/s, deltas at 60 MB/s
	Best                      // lines to 31.3 % at 12 MB/s, deltas at 10 MB/s
)

// String is "default", "fastest", "better" or "best".
func (l Level) String() string {
	if l < DefaultLevel || l > Best {
		return fmt.Sprintf("level %d", int(l))
	}
	return l.zstd().String()
}

func (l Level) zstd() zstd.EncoderLevel {
	switch l {
	case Fastest:
		return zstd.SpeedFastest
	case Better:
		return zstd.SpeedBetterCompression
	case Best:
		return zstd.SpeedBestCompression
	}
	return zstd.SpeedDefault
}

// forDelta is the level that still finds a base of some size. The hash table of Fastest has 2^15 places and that of
// DefaultLevel 2^17; what was put in first is overwritten. Of a base of 256 KiB and as much content, a tenth of it new, Fastest
// stored 40 % and DefaultLevel 10.0 %; at 1 MiB each, DefaultLevel stored 32 % and Better 10.0 %; at 8 MiB each,
// Better stored 48 % and Best 10.0 %.
func (l Level) forDelta(bytes int64) Level {
	switch {
	case l == Best || bytes > 16*deltaRunBytes:
		return Best
	case bytes > 2*deltaRunBytes || l == Better:
		return Better
	}
	return DefaultLevel
}

// deltaRunBytes bounds content and base of a frame of several chunks with bases. See forDelta: longer ones are three times
// slower and no smaller.
const deltaRunBytes = 256 << 10

// Options of an [Encoder]; the zero value is useful.
type Options struct {
	// Level is DefaultLevel unless something else is said.
	Level Level
	// RunBytes bounds the content of a frame of several chunks; 0 is 1 MiB. Longer frames are smaller (lines of JSON at 64 KiB 36.7 %,
	// 256 KiB 34.4 %, 1 MiB 33.0 %, 4 MiB 32.3 %), but who needs one chunk fetches and decodes the whole frame. A frame of chunks
	// with bases has at most 256 KiB in any case.
	RunBytes int64
}

// filled has the defaults in place of zeros.
func (o Options) filled() (Options, error) {
	if o.RunBytes == 0 {
		o.RunBytes = 1 << 20
	}
	switch {
	case o.Level < DefaultLevel || o.Level > Best:
		return o, fmt.Errorf("pack: %s is none; choose one from %s to %s", o.Level, DefaultLevel, Best)
	case o.RunBytes < 0 || o.RunBytes > MaxFrameBytes:
		return o, fmt.Errorf("pack: runs of %d bytes; choose from 1 to %d", o.RunBytes, MaxFrameBytes)
	}
	return o, nil
}
