package jobs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of a job's list. A reader is mostly a compute node: what it takes must not depend on what lies at the destination.
const (
	maxJobListBytes = 128 << 20 // compressed; ten million numbered names come to 64 MiB
	maxJobListText  = 1 << 30   // uncompressed
	maxJobListLines = 10_000_000
	maxJobListLine  = 64 << 10 // no store has keys of more than 1024 bytes; escaped that is 6 KiB
	readAtOnce      = 4 << 20
)

// packJobShards writes a line of JSON for each shard, compressed. It refuses what unpackJobShards would.
func packJobShards(list []JobShard) ([]byte, error) {
	if len(list) > maxJobListLines {
		return nil, fmt.Errorf("%d shards; a list has at most %d: declare several jobs", len(list), maxJobListLines)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b) // without a name and a time: the same list is the same bytes
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	for _, sh := range list {
		if err := sh.check(); err != nil {
			return nil, err
		}
		if err := e.Encode(sh); err != nil {
			return nil, err
		}
		if b.Len() > maxJobListBytes {
			return nil, fmt.Errorf("the list of shards takes more than %d bytes compressed: declare several jobs", maxJobListBytes)
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if b.Len() > maxJobListBytes {
		return nil, fmt.Errorf("the list of shards takes more than %d bytes compressed: declare several jobs", maxJobListBytes)
	}
	return b.Bytes(), nil
}

// unpackJobShards reads what packJobShards wrote, within the limits.
func unpackJobShards(r io.Reader) (list []JobShard, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("is not compressed: %w", err)
	}
	text := &io.LimitedReader{R: z, N: maxJobListText + 1}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 4096), maxJobListLine)
	for lines.Scan() {
		if len(list) == maxJobListLines {
			return nil, fmt.Errorf("has more than %d lines", maxJobListLines)
		}
		var sh JobShard
		if err := json.Unmarshal(lines.Bytes(), &sh); err != nil {
			return nil, fmt.Errorf("is malformed in line %d: %w", len(list)+1, err)
		}
		if err := sh.check(); err != nil {
			return nil, fmt.Errorf("is wrong in line %d: %w", len(list)+1, err)
		}
		list = append(list, sh)
	}
	if text.N == 0 {
		return nil, fmt.Errorf("has more than %d bytes of text", maxJobListText)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return list, nil
}

// check refuses what no shard is called. A path that leads out of its folder would have a run read another file.
func (s JobShard) check() error {
	if !within(s.Path) {
		return fmt.Errorf("%q is no path within a dataset", s.Path)
	}
	if s.Bytes < 0 {
		return errors.New("a shard has less than 0 bytes")
	}
	return nil
}
