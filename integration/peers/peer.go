package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc4stadia"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/jc"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/ultracdc"
	"github.com/jotfs/fastcdc-go"
	restic "github.com/restic/chunker"
)

// peer is somebody else's chunker.
type peer struct {
	name string
	// cut calls emit for every chunk of data, in order; chunk is only valid until emit returns. avgBytes is a power of two: what
	// the peer calls its normal or average size, which is not always the mean it realises.
	cut func(data []byte, avgBytes int64, emit func(chunk []byte)) error
}

// fastCDC is the peer that targets are set against: the one of go-cdc-chunkers that follows the paper and the size asked for.
var fastCDC = goCDC("fastcdc-v1.0.0")

// peers are all content-defined chunkers of the three libraries. Of go-cdc-chunkers, fastcdc and kfastcdc have masks for 8 KiB
// and the two ultracdc have a fixed rate as well, whatever the normal size: their chunks end soon after the least size.
var peers = []peer{
	fastCDC, goCDC("fastcdc"), goCDC("kfastcdc"), goCDC("fastcdc4stadia"),
	goCDC("jc"), goCDC("jc-v1.0.0"), goCDC("jc-v1.1.0"), goCDC("ultracdc"), goCDC("ultracdc-v1.0.0"),
	{"jotfs/fastcdc-go", jotfs}, {"restic/chunker", resticRabin},
}

// goCDC is an algorithm of go-cdc-chunkers, with a quarter and eight times of the average, as in its defaults.
func goCDC(algorithm string) peer {
	return peer{"go-cdc-chunkers " + algorithm, func(data []byte, avgBytes int64, emit func([]byte)) error {
		opts := &chunkers.ChunkerOpts{MinSize: int(avgBytes / 4), NormalSize: int(avgBytes), MaxSize: int(8 * avgBytes)}
		if algorithm == "kfastcdc" {
			opts.Key = make([]byte, 32) // any key gives the same rate
		}
		c, err := chunkers.NewChunker(algorithm, bytes.NewReader(data), opts)
		if err != nil {
			return err
		}
		// The last bytes come together with io.EOF, or io.EOF alone.
		for ended := false; !ended; {
			chunk, err := c.Next()
			ended = errors.Is(err, io.EOF)
			if err != nil && !ended {
				return err
			}
			if len(chunk) > 0 {
				emit(chunk)
			}
		}
		return nil
	}}
}

func jotfs(data []byte, avgBytes int64, emit func([]byte)) error {
	c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{AverageSize: int(avgBytes)})
	if err != nil {
		return err
	}
	for {
		chunk, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		emit(chunk.Data)
	}
}

// resticRabin has half and eight times of the average, as in the library's defaults for 1 MiB.
func resticRabin(data []byte, avgBytes int64, emit func([]byte)) error {
	// An irreducible polynomial of degree 53, as restic draws one for each repository: that of the library's tests.
	const polynomial = restic.Pol(0x3DA3358B4DC173)
	c := restic.NewWithBoundaries(bytes.NewReader(data), polynomial, uint(avgBytes/2), uint(8*avgBytes))
	c.SetAverageBits(bits.Len64(uint64(avgBytes)) - 1)
	buf := make([]byte, 8*avgBytes)
	for {
		chunk, err := c.Next(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		emit(chunk.Data)
	}
}

// whole makes sure that a peer's chunks are all of the data: a chunker that stops early would win every race.
func (p peer) whole(data []byte, avgBytes int64) (chunks int64, err error) {
	total := int64(0)
	err = p.cut(data, avgBytes, func(chunk []byte) { chunks, total = chunks+1, total+int64(len(chunk)) })
	if err == nil && total != int64(len(data)) {
		err = fmt.Errorf("%s cut %d of %d bytes", p.name, total, len(data))
	}
	return chunks, err
}
