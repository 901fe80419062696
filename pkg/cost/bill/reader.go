package bill

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrBill is in every error about a bill that cannot be read or compared. Nothing of it was booked.
var ErrBill = errors.New("the bill cannot be used")

// maxRowBytes keeps a file that is no CSV, or has lost a quote, from being read into memory as one row.
const maxRowBytes = 1 << 20

// Reader reads a FOCUS file row by row, in the memory of one row. It belongs to one goroutine.
type Reader struct {
	name   string
	csv    *csv.Reader
	tail   *tail
	header header
	names  []string
	row    int64 // of the last one that was read; the first after the header is 1
	times  [4]struct {
		text string
		at   time.Time
	}
}

// NewReader reads the header of a bill, gzipped or not, with or without a byte order mark. name is for messages. Errors:
// [ErrBill], and those of the input.
func NewReader(name string, in io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(in, 1<<18)
	r := &Reader{name: name}
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the bill %s: %w", name, err)
	}
	plain := io.Reader(buffered)
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if plain, err = gzip.NewReader(buffered); err != nil {
			return nil, r.fail("it begins like a gzip file and is none: %w", err)
		}
	}
	r.tail = &tail{in: plain}
	r.csv = csv.NewReader(r.tail)
	r.csv.ReuseRecord = true
	first, err := r.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, r.fail("it is empty; a bill without charges has a header too, so that the export may have failed")
	case err != nil:
		return nil, r.broken(err)
	}
	for _, name := range first {
		r.names = append(r.names, string([]byte(name)))
	}
	if r.header, err = readHeader(r.names); err != nil {
		return nil, r.fail("%w", err)
	}
	return r, nil
}

// Next returns the next row, [io.EOF] after the last one. Its texts share the memory of the whole row: copy those that are
// kept. Errors: [ErrBill] with the row and, where it is one's, the column.
func (r *Reader) Next() (row Row, err error) {
	r.tail.row = r.csv.InputOffset()
	fields, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return row, io.EOF
	}
	r.row++
	if err != nil {
		return row, r.broken(err)
	}
	if err := r.wholeLast(fields); err != nil {
		return row, err
	}
	return r.parse(fields)
}

// wholeLast refuses a last line without its end whose last field decides something: it may be the start of a number.
func (r *Reader) wholeLast(fields []string) error {
	if !r.tail.ended || r.tail.last == '\n' || r.csv.InputOffset() < r.tail.bytes {
		return nil
	}
	for c, i := range r.header {
		if i == len(fields)-1 {
			return r.at(column(c), "the file ends here without the end of a line, so that the value may be cut short; export it "+
				"again, or end the file with a line feed if it is whole")
		}
	}
	return nil
}

// fail is an error about the file.
func (r *Reader) fail(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %w", ErrBill, r.name, fmt.Errorf(format, args...))
}

// at is an error about one value of the present row.
func (r *Reader) at(c column, format string, args ...any) error {
	name := c.String()
	if i := r.header[c]; i >= 0 {
		name = r.names[i]
	}
	line, _ := r.csv.FieldPos(0)
	return r.fail("row %d (line %d), column %s: %w", r.row, line, name, fmt.Errorf(format, args...))
}

// broken is an error of the CSV or of what it is read from.
func (r *Reader) broken(err error) error {
	var bad *csv.ParseError
	var corrupt flate.CorruptInputError
	where := fmt.Sprintf("row %d", r.row)
	if r.row == 0 {
		where = "the header"
	}
	switch {
	case errors.Is(err, errRowTooLong):
		return r.fail("%s has more than %d bytes: a quote is missing, or this is no CSV", where, maxRowBytes)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail("%s: the gzip file ends in the middle; fetch it again", where)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return r.fail("%s: the gzip file is damaged (%w); fetch it again", where, err)
	case !errors.As(err, &bad):
		return fmt.Errorf("read the bill %s at %s: %w", r.name, where, err)
	case errors.Is(err, csv.ErrFieldCount):
		return r.fail("%s (line %d) does not have the %d fields of the header: the file is cut short there, or damaged; export it again",
			where, bad.Line, len(r.names))
	case errors.Is(err, csv.ErrQuote) && r.tail.ended:
		return r.fail("%s (from line %d) ends within quotes at the end of the file: it is cut short; export it again", where, bad.StartLine)
	}
	return r.fail("%s (line %d): %w", where, bad.Line, bad.Err)
}

// tail hands on what it reads, and knows the last byte and whether a row has become too long.
type tail struct {
	in    io.Reader
	last  byte
	bytes int64
	ended bool
	// row is where the present row began, so that one without an end does not fill the memory.
	row int64
}

var errRowTooLong = errors.New("a row is too long")

func (t *tail) Read(p []byte) (int, error) {
	if t.bytes-t.row > maxRowBytes {
		return 0, errRowTooLong
	}
	n, err := t.in.Read(p)
	t.bytes += int64(n)
	if n > 0 {
		t.last = p[n-1]
	}
	if errors.Is(err, io.EOF) {
		t.ended = true
	}
	return n, err
}
