package manifest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// FindingKind says what a finding is for who finds it.
type FindingKind string

// The kinds.
const (
	// Damage: something is wrong, or gone, that should not be.
	Damage FindingKind = "damage"
	// Loss: something is not there that is found or made again when it is needed.
	Loss FindingKind = "loss"
)

// Finding is one thing that a check found.
type Finding struct {
	Kind  FindingKind `json:"kind"`
	Where string      `json:"where"` // bucket/key, a page, or a file
	Text  string      `json:"text"`
}

// mostFindings are listed; the others are counted.
const mostFindings = 1000

// Checked is what a check found.
type Checked struct {
	Path   string `json:"path"`
	Schema int    `json:"schema"`
	Writer string `json:"written_by,omitempty"`
	Bytes  int64  `json:"bytes"`
	PageCount
	// Buckets in the order of their names.
	Buckets []BucketCount `json:"buckets"`
	// Packs and the bytes in them, and the recipes that are found in them.
	Packs     int   `json:"packs"`
	PackBytes int64 `json:"pack_bytes"`
	// PacksRead tells that every byte of them was compared with their names.
	PacksRead bool `json:"packs_read"`
	// JournalEntries were compared with the ledger.
	JournalEntries int       `json:"journal_entries"`
	Findings       []Finding `json:"findings"`
	Damaged        int       `json:"damaged"` // findings of each kind, those beyond the list too
	Lost           int       `json:"lost"`
}

// BucketCount says what is in a bucket.
type BucketCount struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"` // of keys and values
}

// CheckOptions of Check.
type CheckOptions struct {
	// Packs has every byte of the recipe packs be read, which are most of a large state directory.
	Packs bool
	// Identify computes the digest that names a snapshot; nil: that is not compared.
	Identify func(dataset string, shards int, each iter.Seq[Shard]) (chunker.Digest, error)
	// Alone has only the file be looked at, and not what should lie beside it.
	Alone bool
}

// Sound tells that nothing is damaged.
func (c Checked) Sound() bool { return c.Damaged == 0 }

func (c *Checked) add(kind FindingKind, where, text string, args ...any) {
	if kind == Damage {
		c.Damaged++
	} else {
		c.Lost++
	}
	if len(c.Findings) < mostFindings {
		c.Findings = append(c.Findings, Finding{Kind: kind, Where: where, Text: fmt.Sprintf(text, args...)})
	}
}

// damage adds what an error tells, if it is about damage; any other is returned.
func (c *Checked) damage(where string, err error) error {
	if errors.Is(err, ErrCorrupt) {
		c.add(Damage, where, "%v", err)
		return nil
	}
	return err
}

// Check reads all of an open manifest and of what lies beside it, as one transaction sees it, and says what does not fit together. Others may write meanwhile; the
// file grows by what they write. Errors: those of the disk and of ctx. Damage is no error but a finding.
func (m *Manifest) Check(ctx context.Context, o CheckOptions) (out Checked, err error) {
	if err := m.unread.readAll(); err != nil {
		out.Path = m.db.Path()
		return out, out.damage(out.Path, err)
	}
	for {
		again, err := m.checkOnce(ctx, o, &out)
		if !again || err != nil {
			return out, err
		}
	}
}

func (m *Manifest) checkOnce(ctx context.Context, o CheckOptions, out *Checked) (again bool, err error) {
	*out = Checked{Path: m.db.Path(), Buckets: []BucketCount{}, Findings: []Finding{}}
	err = m.View(func(tx *Tx) error {
		known, pages, err := checkPagesOf(m.file, uint64(tx.b.ID()))
		if again = err == nil && !known; again {
			return nil
		}
		out.PageCount, out.Bytes = pages, tx.b.Size()
		if err != nil { // bbolt must not walk over these
			return out.damage(out.Path, err)
		}
		if pages.torn {
			out.add(Loss, out.Path, "one of its two meta pages is damaged, or its writing was interrupted; the other says what there is")
		}
		c := &checker{m: m, tx: tx, o: o, out: out}
		return c.all(ctx)
	})
	return again, err
}

// CheckDir is Check for a state directory that nobody holds. It makes, migrates and removes nothing. Errors: [ErrLocked], [ErrNewer], [os.ErrNotExist] if there is no manifest, and
// those of the disk.
func CheckDir(ctx context.Context, dir string, o Options, c CheckOptions) (out Checked, err error) {
	if o.JournalDir == "" {
		o.JournalDir = filepath.Join(dir, "journal")
	}
	return checkFile(ctx, filepath.Join(dir, "manifest.db"), o.JournalDir, c)
}

// CheckCopy is Check for a file alone, or for a backup's folder: whether all of it is there, and sound.
func CheckCopy(ctx context.Context, path string, c CheckOptions) (out Checked, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return out, err
	}
	if !info.IsDir() {
		c.Alone = true
		return checkFile(ctx, path, "", c)
	}
	b, err := ReadBackup(path)
	if err != nil {
		return out, err
	}
	out, err = checkFile(ctx, filepath.Join(path, "manifest.db"), filepath.Join(path, "journal"), c)
	if err == nil {
		if bad := b.Verify(ctx); bad != nil && !errors.Is(bad, os.ErrNotExist) {
			err = out.damage(path, bad)
		} else if bad != nil {
			out.add(Damage, path, "%v", bad)
		}
	}
	return out, err
}

func checkFile(ctx context.Context, path, journal string, c CheckOptions) (out Checked, err error) {
	out = Checked{Path: path, Buckets: []BucketCount{}, Findings: []Finding{}}
	m, err := openToRead(path)
	if err != nil {
		return out, out.damage(path, err)
	}
	m.journal = &Journal{dir: journal}
	out, err = m.Check(ctx, c)
	return out, errors.Join(err, m.CloseCopy())
}

// checker is one check.
type checker struct {
	m   *Manifest
	tx  *Tx
	o   CheckOptions
	out *Checked

	snapshots map[chunker.Digest]SnapshotHeader
	paths     map[chunker.Digest]bool
	kept      map[chunker.Digest]bool // recipes
}

// all looks at everything that can be looked at: where values are damaged, what they should agree with is not asked.
func (c *checker) all(ctx context.Context) error {
	schema, err := c.schema()
	if err != nil {
		return c.out.damage(c.out.Path, err)
	}
	c.out.Schema = schema
	c.out.Writer, _ = c.tx.Writer()
	if schema > SchemaVersion {
		return fmt.Errorf("%w: %s has schema %d, this program knows %d: %s wrote it; check it with that one", ErrNewer, c.out.Path, schema, SchemaVersion, writerOfNewer(c.tx))
	}
	if err := c.values(ctx); err != nil || !c.out.Sound() || schema < SchemaVersion {
		return err // an older schema does not have all that there is to compare
	}
	for _, step := range []func(context.Context) error{c.account, c.contents, c.references, c.transfers, c.replicas, c.recipes, c.ledger} {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := c.out.damage(c.out.Path, step(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) schema() (v int, err error) {
	defer guard(c.tx, "meta", versionKey, &err)
	return version(c.tx.b)
}

// values reads every value of every bucket.
func (c *checker) values(ctx context.Context) error {
	names, err := c.tx.bucketNames()
	if err != nil {
		return c.out.damage(c.out.Path, err)
	}
	for _, name := range names {
		n := BucketCount{Name: name}
		n.Bytes, err = c.tx.eachStored(name, func(k, _ []byte, problem error) error {
			if n.Records++; n.Records%4096 == 0 && context.Cause(ctx) != nil {
				return context.Cause(ctx)
			}
			if problem == nil && !c.tx.finds(name, k) {
				problem = fmt.Errorf("%w: %s/%q is there and cannot be found by its key", ErrCorrupt, name, k)
			}
			return c.out.damage(fmt.Sprintf("%s/%q", name, k), problem)
		})
		c.out.Buckets = append(c.out.Buckets, n)
		if err := c.out.damage(name, err); err != nil {
			return err
		}
	}
	return nil
}

// account compares the sealed tables with their sum.
func (c *checker) account(context.Context) error { return checkAccountIn(c.tx) }
