package index

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// spool keeps the entries of a listing until it is known whether anybody needs them: most listings are those of before. What
// does not fit in memory is in a file without a name, which is gone when it is closed or the process ends.
type spool struct {
	buf  []byte
	file *os.File
	w    *bufio.Writer
}

// spoolBytes are kept in memory: some 100,000 entries.
const spoolBytes = 16 << 20

func (s *spool) add(e Entry) error {
	var b []byte
	for _, text := range []string{
		e.Path, e.ETag, e.Version, e.Stored.CRC64NVME, e.Stored.CRC32C, e.Stored.MD5, e.ContentType, e.ContentEncoding, e.StorageClass,
	} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = binary.AppendVarint(b, e.Size)
	b = binary.AppendVarint(b, e.Modified.UnixNano())
	if s.file != nil {
		_, err := s.w.Write(b)
		return s.failed(err)
	}
	if s.buf = append(s.buf, b...); len(s.buf) < spoolBytes {
		return nil
	}
	f, err := os.CreateTemp("", "datagravity-listing-*")
	if err != nil {
		return fmt.Errorf("a large listing needs room for a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	s.file, s.w = f, bufio.NewWriterSize(f, 1<<20)
	_, err = s.w.Write(s.buf)
	s.buf = nil
	return s.failed(err)
}

func (s *spool) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write the listing to a temporary file in %s: %w; make room there, or set TMPDIR", os.TempDir(), err)
}

// entries reads all of them back.
func (s *spool) entries(count int) ([]Entry, error) {
	var in io.Reader = bytes.NewReader(s.buf)
	if s.file != nil {
		if err := s.failed(s.w.Flush()); err != nil {
			return nil, err
		}
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		in = s.file
	}
	r := bufio.NewReaderSize(in, 1<<20)
	out := make([]Entry, count)
	for i := range out {
		if err := read(r, &out[i]); err != nil {
			return nil, fmt.Errorf("read entry %d of the listing back: %w", i, err)
		}
	}
	return out, nil
}

func read(r *bufio.Reader, e *Entry) error {
	for _, text := range []*string{
		&e.Path, &e.ETag, &e.Version, &e.Stored.CRC64NVME, &e.Stored.CRC32C, &e.Stored.MD5, &e.ContentType, &e.ContentEncoding, &e.StorageClass,
	} {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		*text = string(b)
	}
	var err error
	if e.Size, err = binary.ReadVarint(r); err != nil {
		return err
	}
	at, err := binary.ReadVarint(r)
	e.Modified = time.Unix(0, at).UTC()
	return err
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
