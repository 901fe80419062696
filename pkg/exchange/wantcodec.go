package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// A want is sealed as every document is, but its text is neither held in memory nor given to a JSON decoder as a whole: 150 MB of runs
// would take several times that.

const (
	missingField  = `,"missing":[`
	checkField    = `,"check":"`
	endText       = "}\n"
	runsAtOnce    = 32 << 10 // bytes of runs that are written together
	readTextBytes = 64 << 10
)

// head is the text up to where the first run stands.
func (w *Want) head() ([]byte, error) {
	h := *w
	h.Missing, h.Check = []Run{}, chunker.Digest{}
	b, err := textOf(&h)
	return bytes.TrimSuffix(b, []byte("]"+endText)), err
}

// body writes the text up to where the check stands.
func (w *Want) body(to io.Writer) error {
	b, err := w.head()
	if err != nil {
		return err
	}
	for i, r := range w.Missing {
		if i > 0 {
			b = append(b, ',')
		}
		if b = r.appendTo(b); len(b) > runsAtOnce {
			if _, err := to.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err = to.Write(append(b, ']'))
	return err
}

// sum is what its check must be.
func (w *Want) sum() (chunker.Digest, error) {
	h := chunker.NewHasher()
	err := w.body(h)
	_, _ = h.Write([]byte(endText)) // never fails
	return h.Digest(), err
}

// encode seals and compresses it.
func (w *Want) encode() ([]byte, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	var err error
	if w.Check, err = w.sum(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	// One encoder at a time: its bytes then do not depend on the machine.
	z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	err = w.body(z)
	if err == nil {
		_, err = io.WriteString(z, checkField+w.Check.String()+`"`+endText)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	if out.Len() > maxWantBytes {
		return nil, fmt.Errorf("%d bytes, the most is %d: ask for fewer runs at once", out.Len(), maxWantBytes)
	}
	return out.Bytes(), nil
}

// decodeWant reads what encode wrote and nothing else. The most runs take 98 MiB while they are read (measured), and then 51.
func decodeWant(b []byte) (Want, error) {
	z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowBytes), zstd.WithDecoderMaxMemory(windowBytes))
	if err != nil {
		return Want{}, err
	}
	defer z.Close()
	w, err := parseWant(io.LimitReader(z, maxWantTextBytes))
	if err != nil {
		return Want{}, err
	}
	sum, err := w.sum()
	if err == nil && sum != w.Check {
		err = errors.New("its checksum does not match, it is damaged")
	}
	if err != nil {
		return Want{}, err
	}
	return w, nil
}

// parseWant reads a text in the one spelling that is written. Whether the check is right is still to be seen.
func parseWant(from io.Reader) (w Want, err error) {
	t := wantText{bufio.NewReaderSize(from, readTextBytes)}
	if w, err = t.head(); err != nil {
		return Want{}, err
	}
	if err = t.runs(&w); err == nil {
		err = t.end(&w)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is cut short")
	}
	if err != nil {
		return Want{}, err
	}
	return w, nil
}

type wantText struct{ r *bufio.Reader }

// head reads up to where the first run stands.
func (t wantText) head() (w Want, err error) {
	var b []byte
	for err == nil && len(b) <= maxWantHeadBytes && !bytes.HasSuffix(b, []byte(missingField)) {
		var more []byte
		more, err = t.r.ReadSlice('[')
		b = append(b, more...)
	}
	if newer := leadingVersion(b); newer > version {
		return w, fmt.Errorf("%w: %d; use a newer one, or remove the object if none wrote it", ErrVersion, newer)
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
		return w, fmt.Errorf("it is malformed: %w", err)
	case err != nil || len(b) > maxWantHeadBytes:
		return w, fmt.Errorf("it is malformed: no runs within its first %d bytes", maxWantHeadBytes)
	}
	whole := append(bytes.Clone(b), "]"+endText...)
	if err := checkKind(whole, wantKind); err != nil {
		return w, err
	}
	if err := json.Unmarshal(whole, &w); err != nil {
		return w, fmt.Errorf("it is malformed: %w", err)
	}
	again, err := w.head()
	if err == nil && !bytes.Equal(again, b) {
		err = errors.New("it is not written as this version writes it")
	}
	if err == nil {
		err = w.checkHead()
	}
	return w, err
}

// leadingVersion is the version that a text begins with, 0 if it does with none. What follows may be of any kind.
func leadingVersion(b []byte) int {
	d := json.NewDecoder(bytes.NewReader(b))
	var tokens [3]json.Token
	for i := range tokens {
		var err error
		if tokens[i], err = d.Token(); err != nil {
			return 0
		}
	}
	n, ok := tokens[2].(float64)
	if tokens[0] != json.Delim('{') || tokens[1] != "datagravity" || !ok || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// runs reads all runs and the bracket behind them. Memory is taken as they are read.
func (t wantText) runs(w *Want) error {
	if b, err := t.r.Peek(1); err == nil && b[0] == ']' {
		_, err = t.r.Discard(1)
		return err
	}
	var o order
	for {
		r, err := t.run()
		if err == nil {
			err = o.add(r)
		}
		if err != nil {
			return err
		}
		w.Missing = append(w.Missing, r)
		switch b, err := t.r.ReadByte(); {
		case err != nil:
			return err
		case b == ']':
			return nil
		case b != ',':
			return fmt.Errorf("it is malformed: %q behind run %d", b, o.n)
		}
	}
}

func (t wantText) run() (r Run, err error) {
	if err = t.expect("["); err != nil {
		return r, err
	}
	for i, n := range []*uint32{&r.Shard, &r.First, &r.Count} {
		if *n, err = t.number(",,]"[i]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// number reads digits and what stands behind them.
func (t wantText) number(end byte) (uint32, error) {
	var n uint64
	for digits := 0; ; digits++ {
		b, err := t.r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == end && digits > 0:
			return uint32(n), nil
		case b < '0' || b > '9' || digits > 0 && n == 0: // a zero before others is another spelling
			return 0, fmt.Errorf("it is malformed: %q in a number", b)
		}
		if n = n*10 + uint64(b-'0'); n > math.MaxUint32 {
			return 0, fmt.Errorf("it is malformed: a number above %d", uint32(math.MaxUint32))
		}
	}
}

// end reads the check, and that nothing is behind it.
func (t wantText) end(w *Want) error {
	if err := t.expect(checkField); err != nil {
		return err
	}
	digits := make([]byte, len(w.Snapshot.String()))
	if _, err := io.ReadFull(t.r, digits); err != nil {
		return fmt.Errorf("its checksum: %w", io.EOF)
	}
	d, err := chunker.ParseDigest(string(digits))
	if err != nil {
		return fmt.Errorf("its checksum: %w", err)
	}
	if w.Check = d; d.IsZero() {
		return errors.New("it has no checksum")
	}
	if err := t.expect(`"` + endText); err != nil {
		return err
	}
	if _, err := t.r.ReadByte(); err == nil {
		return errors.New("it is malformed: more behind its end")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("behind its end: %w", err)
	}
	return nil
}

func (t wantText) expect(text string) error {
	for i := range len(text) {
		b, err := t.r.ReadByte()
		if err != nil {
			return err
		}
		if b != text[i] {
			return fmt.Errorf("it is malformed: %q where %q should be", b, text)
		}
	}
	return nil
}
