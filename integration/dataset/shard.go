package dataset

import (
	"archive/tar"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	tarBlockBytes = 512
	// Python's tarfile, which WebDataset writes with, fills a file up to whole records of 20 blocks.
	tarRecordBytes = 20 * tarBlockBytes
)

// madeAt is the modification time of every member, so that the same seed makes the same bytes.
var madeAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// shard describes a tar file.
type shard struct {
	path    string
	samples []sample
}

// sample is an image and its annotation: two members of a shard with the same name but for the ending.
type sample struct {
	seed   uint64
	number int
	// revision tells contents apart that had the same number one after the other.
	revision   int
	imageBytes int64
}

func (s *shard) object() Object {
	return Object{Path: s.path, SizeBytes: s.sizeBytes(), write: s.write}
}

func (s *shard) sizeBytes() int64 {
	n := int64(2 * tarBlockBytes) // the end of a tar
	for _, p := range s.samples {
		n += p.tarBytes()
	}
	return roundUp(n, tarRecordBytes)
}

func (s *shard) write(w io.Writer) error {
	c := &counter{w: w}
	t := tar.NewWriter(c)
	for _, p := range s.samples {
		if err := p.write(t); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	_, err := w.Write(make([]byte, roundUp(c.n, tarRecordBytes)-c.n))
	return err
}

// with is the same shard with other samples.
func (s *shard) with(samples []sample) *shard {
	return &shard{path: s.path, samples: slices.Clone(samples)}
}

// tarBytes is what the sample takes of a tar: two headers and two bodies, in whole blocks.
func (p sample) tarBytes() int64 {
	return 2*tarBlockBytes + roundUp(p.imageBytes, tarBlockBytes) + roundUp(int64(len(p.annotation())), tarBlockBytes)
}

func (p sample) write(t *tar.Writer) error {
	annotation := p.annotation()
	if err := t.WriteHeader(p.header(".jpg", p.imageBytes)); err != nil {
		return err
	}
	if err := p.writeImage(t); err != nil {
		return err
	}
	if err := t.WriteHeader(p.header(".json", int64(len(annotation)))); err != nil {
		return err
	}
	_, err := t.Write(annotation)
	return err
}

func (p sample) header(ending string, size int64) *tar.Header {
	return &tar.Header{
		Name: fmt.Sprintf("%09d%s", p.number, ending), Size: size, Mode: 0o444, ModTime: madeAt,
		Uname: "bigdata", Gname: "bigdata", Format: tar.FormatUSTAR,
	}
}

// writeImage writes what a compressor takes for a JPEG: its markers around noise.
func (p sample) writeImage(w io.Writer) error {
	head, tail := []byte{0xff, 0xd8, 0xff, 0xe0}, []byte{0xff, 0xd9}
	if p.imageBytes < int64(len(head)+len(tail)) {
		head, tail = nil, nil
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	if _, err := io.CopyN(w, p.noise(), p.imageBytes-int64(len(head)+len(tail))); err != nil {
		return err
	}
	_, err := w.Write(tail)
	return err
}

// noise is the sample's own endless stream.
func (p sample) noise() io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], p.seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(p.number))
	binary.LittleEndian.PutUint64(key[16:], uint64(p.revision))
	return rand.NewChaCha8(key)
}

func (p sample) annotation() []byte {
	b, err := json.Marshal(struct {
		Key      string `json:"key"`
		Label    int    `json:"label"`
		Revision int    `json:"revision"`
		Bytes    int64  `json:"bytes"`
		License  string `json:"license"`
	}{fmt.Sprintf("%09d", p.number), p.number * 7919 % 1000, p.revision, p.imageBytes, "CC0-1.0"})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return b
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
