package manifest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// names of the files, oldest month first.
func (j *Journal) names() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(j.dir, "ledger-*.jsonl"))
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	sort.Strings(paths)
	return paths, nil
}

// Read calls f for every whole entry, oldest month first, and returns how many damaged lines it passed over (a torn last
// line after a crash is one) and the bytes read.
func (j *Journal) Read(f func(Entry) error) (damaged int, size int64, err error) {
	names, err := j.names()
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		n, bytesRead, err := readJournalFile(filepath.Join(j.dir, name), 0, f)
		damaged += n
		size += bytesRead
		if err != nil {
			return damaged, size, fmt.Errorf("read the journal %s: %w", filepath.Join(j.dir, name), err)
		}
	}
	return damaged, size, nil
}

func readJournalFile(name string, from int64, f func(Entry) error) (damaged int, size int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return 0, 0, err
	}
	r := bufio.NewReaderSize(file, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		size += int64(len(line))
		if len(bytes.TrimSpace(line)) > 0 {
			if e, ok := parseEntry(line); !ok {
				damaged++
			} else if err := f(e); err != nil {
				return damaged, size, err
			}
		}
		if errors.Is(err, io.EOF) {
			return damaged, size, nil
		}
		if err != nil {
			return damaged, size, err
		}
	}
}

// parseEntry reads a line with or without its end: the checksum tells whether it is whole.
func parseEntry(line []byte) (e Entry, ok bool) {
	body, ok := unseal(line)
	if !ok || json.Unmarshal(body, &e) != nil {
		return e, false
	}
	return e, true
}

// unseal returns what stands in a line behind its checksum, if that is right.
func unseal(line []byte) (body []byte, ok bool) {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	if len(line) < 10 || line[8] != ' ' {
		return nil, false
	}
	var want [4]byte
	if _, err := hex.Decode(want[:], line[:8]); err != nil {
		return nil, false
	}
	body = line[9:]
	return body, crc32.Checksum(body, castagnoli) == bigEndian32(want[:])
}
