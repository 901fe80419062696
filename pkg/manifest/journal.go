package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Entry is one step of the ledger as the journal keeps it, a JSON line with a CRC32C before it.
type Entry struct {
	Kind string `json:"kind"` // reserve, settle, release; approve, doubt, reset; bill
	Open        // of the reservation; for settle and release with what was charged; else its id, time and month alone
	// Whole: charged in full, because nobody knows what moved.
	Whole bool `json:"whole,omitempty"`
	// What was decided, one of them.
	Approval *Approval `json:"approval,omitempty"`
	Doubt    *Doubt    `json:"doubt,omitempty"`
	Reset    *Reset    `json:"reset,omitempty"`
	// Billed is the line that a bill added.
	Billed *Billed `json:"billed,omitempty"`
	// Account that the id belongs to; Append sets it.
	Account string `json:"account"`
}

// ErrJournal: the journal cannot be written. Nothing may be spent any more until the manifest is opened again.
var ErrJournal = errors.New("the ledger's journal cannot be written")

// Journal is the append-only account of every reservation and settlement, one file a month. A line is durable before
// Append returns. It outlives the manifest: what it says was reserved and not settled counts as spent.
type Journal struct {
	dir     string
	account string
	open    func(path string) (journalFile, error)

	mu      sync.Mutex // guards pending, queued and durable
	pending map[string]*bytes.Buffer
	queued  uint64
	// durable is the length of each file up to which it was synced, durableID the highest id in this session's part of them.
	durable             map[string]int64
	queuedID, durableID uint64

	syncing sync.Mutex // guards synced, files and failed
	synced  uint64
	files   map[string]journalFile
	failed  error
}

// journalFile is one month of the journal, open for appending.
type journalFile interface {
	io.WriteCloser
	Sync() error
	// Size in bytes as it was opened, with a whole last line.
	Size() int64
}

func openJournal(dir, account string, open func(path string) (journalFile, error)) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal folder %s: %w; set agent.journal_dir to a directory that you may write", dir, err)
	}
	j := &Journal{
		dir: dir, account: account, open: open,
		pending: map[string]*bytes.Buffer{}, durable: map[string]int64{}, files: map[string]journalFile{},
	}
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		j.durable[name] = info.Size()
	}
	return j, nil
}

// Append makes entries durable, all or, after a crash, the first ones of them. Callers at the same time share one sync of
// the disk. Error: [ErrJournal], for good: a failed sync may have lost lines that were written before.
func (j *Journal) Append(entries ...Entry) error {
	bodies := make([][]byte, len(entries))
	for i, e := range entries {
		e.Account = j.account
		body, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		bodies[i] = body
	}
	j.mu.Lock()
	for i, body := range bodies {
		j.queuedID = max(j.queuedID, entries[i].ID)
		name := "ledger-" + entries[i].Line.Month + ".jsonl"
		buf := j.pending[name]
		if buf == nil {
			buf = new(bytes.Buffer)
			j.pending[name] = buf
		}
		fmt.Fprintf(buf, "%08x %s\n", crc32.Checksum(body, castagnoli), body)
	}
	j.queued++
	mine := j.queued
	j.mu.Unlock()
	return j.flush(mine)
}

// flush makes everything queued up to `upTo` durable, unless another caller already did.
func (j *Journal) flush(upTo uint64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= upTo {
		return nil
	}
	if j.failed != nil {
		return j.failed
	}
	j.mu.Lock()
	batch, last, lastID := j.pending, j.queued, j.queuedID
	j.pending = map[string]*bytes.Buffer{}
	j.mu.Unlock()
	for name, buf := range batch {
		if err := j.write(name, buf.Bytes()); err != nil {
			j.failed = fmt.Errorf("%w: %s: %w; mend that disk, or move agent.journal_dir (with what is in it) to another, then start again",
				ErrJournal, filepath.Join(j.dir, name), onFull(j.dir, err))
			return j.failed
		}
	}
	j.synced = last
	j.mu.Lock()
	j.durableID = lastID
	j.mu.Unlock()
	return nil
}

func (j *Journal) write(name string, b []byte) error {
	f := j.files[name]
	if f == nil {
		var err error
		if f, err = j.open(filepath.Join(j.dir, name)); err != nil {
			return err
		}
		j.files[name] = f
		j.mu.Lock()
		j.durable[name] = f.Size()
		j.mu.Unlock()
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	j.mu.Lock()
	j.durable[name] += int64(len(b))
	j.mu.Unlock()
	return nil
}

// lengths returns how long each file is, as far as it is durable.
func (j *Journal) lengths() map[string]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.durable)
}

// lastID is the highest id that this session made durable, 0 if none.
func (j *Journal) lastID() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durableID
}

// Close closes the files. Append fails from then on.
func (j *Journal) Close() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	var errs []error
	for _, f := range j.files {
		errs = append(errs, f.Close())
	}
	j.files = map[string]journalFile{}
	if j.failed == nil {
		j.failed = fmt.Errorf("%w: %w", ErrJournal, os.ErrClosed)
	}
	return errors.Join(errs...)
}

// monthFile is a journalFile on a disk.
type monthFile struct {
	*os.File
	size int64
}

func (f monthFile) Size() int64 { return f.size }

func openJournalFile(path string) (journalFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := endLine(f)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return monthFile{f, size}, nil
}

// endLine closes a torn last line, so that the next one starts on its own, and returns the size.
func endLine(f *os.File) (size int64, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return info.Size(), nil
	}
	_, err = f.Write([]byte{'\n'})
	return info.Size() + 1, err
}
