package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// jobPrefix is where a store keeps the receipts of jobs, a folder each.
const jobPrefix = store.Private + "jobs/"

// What lies in a job's folder.
const (
	jobReceiptName = "receipt.json"
	jobListName    = "shards.jsonl.gz"
)

// ErrNoJobReceipt: no receipt of this job is there, or what lies in its place cannot be believed.
var ErrNoJobReceipt = errors.New("no receipt of this job")

// JobReceipt is a small JSON object at a destination that says: all that this job selects is here and proven, and stays until KeepUntil. Beside it
// lies the list of its shards, so that a machine that can read nothing else knows what to read.
type JobReceipt struct {
	Datagravity int            `json:"datagravity"` // format version, 0 until it is frozen
	Job         string         `json:"job"`
	Destination string         `json:"destination"` // its configured name: a store can have several
	Dataset     string         `json:"dataset"`
	Snapshot    chunker.Digest `json:"snapshot"`
	// Prefix in the store that the paths are under, a snapshot's folder included; "" or ending in "/".
	Prefix    string         `json:"prefix"`
	Selection chunker.Digest `json:"selection"` // of the paths and digests, see [Digest]
	Count     int            `json:"count"`     // shards and index files
	Bytes     int64          `json:"bytes"`     // of them together
	Format    string         `json:"format,omitempty"`
	Time      time.Time      `json:"time"` // when it became true
	// KeepUntil is when the promise ends; zero: not by itself.
	KeepUntil time.Time `json:"keep_until,omitzero"`
	// List is the object with the shards, as it was when the receipt was written.
	List JobList `json:"list"`
}

// JobList tells a list of shards from any other.
type JobList struct {
	Bytes  int64          `json:"bytes"`  // of the object, compressed
	Digest chunker.Digest `json:"digest"` // BLAKE3 of the object
}

// JobShard is a file that a job reads, in the order of its selection.
type JobShard struct {
	Path  string `json:"path"` // under the receipt's prefix
	Bytes int64  `json:"bytes"`
	// Index tells that it lists shards, and holds no samples.
	Index bool `json:"index,omitempty"`
}

// Ended tells whether the promise is over.
func (r JobReceipt) Ended(now time.Time) bool { return !r.KeepUntil.IsZero() && now.After(r.KeepUntil) }

// jobFolder of a job at a destination; both are escaped, so that they are one path segment each.
func jobFolder(id, destination string) string {
	return jobPrefix + url.PathEscape(id) + "/" + url.PathEscape(destination) + "/"
}

// Key is where the receipt lies in the store.
func (r JobReceipt) Key() string { return jobFolder(r.Job, r.Destination) + jobReceiptName }

// WriteJobReceipt puts a job's list and then its receipt at the destination; Count, Bytes and List are filled in. A reader that finds the receipt
// of before beside the new list sees that they do not belong together. Errors: the store's, and a list beyond what readers take.
func WriteJobReceipt(ctx context.Context, s receiptStore, r JobReceipt, shards []JobShard) error {
	list, err := packJobShards(shards)
	if err != nil {
		return fmt.Errorf("job %s: %w", r.Job, err)
	}
	r.Count, r.Bytes, r.List = len(shards), 0, JobList{Bytes: int64(len(list)), Digest: chunker.Sum(list)}
	for _, sh := range shards {
		r.Bytes += sh.Bytes
	}
	if err := put(ctx, s, jobFolder(r.Job, r.Destination)+jobListName, list, "application/gzip"); err != nil {
		return fmt.Errorf("write the list of shards of job %s: %w", r.Job, err)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := put(ctx, s, r.Key(), append(b, '\n'), "application/json"); err != nil {
		return fmt.Errorf("write the receipt of job %s: %w", r.Job, err)
	}
	return nil
}

func put(ctx context.Context, s receiptStore, key string, b []byte, contentType string) error {
	_, err := s.Put(ctx, key, b, store.WriteOptions{Condition: store.Always(), Properties: store.Properties{ContentType: contentType}})
	return err
}

// ReadJobReceipt reads a job's receipt. Errors: the store's, and [ErrNoJobReceipt], also for what is malformed, about another job, or written by
// a version that this one does not know: it promises nothing.
func ReadJobReceipt(ctx context.Context, s receiptStore, id, destination string) (JobReceipt, error) {
	r, _, err := readJobReceipt(ctx, s, id, destination)
	return r, err
}

// readJobReceipt is ReadJobReceipt; ref is what was read.
func readJobReceipt(ctx context.Context, s receiptStore, id, destination string) (r JobReceipt, ref store.Ref, err error) {
	key := jobFolder(id, destination) + jobReceiptName
	o, err := s.Head(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return r, ref, fmt.Errorf("%w: %q", ErrNoJobReceipt, id)
	}
	if err != nil {
		return r, ref, err
	}
	if o.Size == 0 || o.Size > maxReceiptBytes {
		return r, ref, fmt.Errorf("%w: %q: %s has %d bytes, a receipt has 1 to %d", ErrNoJobReceipt, id, key, o.Size, maxReceiptBytes)
	}
	b := make([]byte, o.Size)
	if err := s.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
			return r, ref, fmt.Errorf("%w: %q: it was replaced or taken back meanwhile", ErrNoJobReceipt, id)
		}
		return r, ref, err
	}
	if r, err = parseJobReceipt(b, id, destination); err != nil {
		return JobReceipt{}, ref, fmt.Errorf("%w: %q: %s %w", ErrNoJobReceipt, id, key, err)
	}
	return r, o.Ref(), nil
}

// parseJobReceipt believes what is whole, of this version and about this job.
func parseJobReceipt(b []byte, id, destination string) (r JobReceipt, err error) {
	// The version first: what a newer one means by the other fields is not known.
	var version struct {
		Datagravity *int `json:"datagravity"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return r, fmt.Errorf("is malformed: %w", err)
	}
	switch v := version.Datagravity; {
	case v == nil:
		return r, errors.New("names no version")
	case *v != 0:
		return r, fmt.Errorf("has version %d, which this datagravity does not know; use a newer one", *v)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("is malformed: %w", err)
	}
	switch {
	case r.Job != id || r.Destination != destination:
		return r, fmt.Errorf("is about job %q at %q", r.Job, r.Destination)
	case r.Dataset == "" || r.Snapshot.IsZero() || r.List.Digest.IsZero() || r.List.Bytes <= 0 || r.Count < 0 || r.Bytes < 0:
		return r, errors.New("lacks the dataset, the snapshot or the list")
	case r.Prefix != "" && (!strings.HasSuffix(r.Prefix, "/") || !within(strings.TrimSuffix(r.Prefix, "/"))):
		return r, fmt.Errorf("has the prefix %q, which is no folder", r.Prefix)
	}
	return r, nil
}

// within tells whether a path stays inside the folder that it is relative to, whoever joins the two.
func within(p string) bool {
	return p != "" && !path.IsAbs(p) && !strings.ContainsAny(p, "\x00") && p != ".." && !strings.HasPrefix(p, "../") && !strings.HasSuffix(p, "/..") &&
		!strings.Contains(p, "/../")
}

// ReadJobShards reads the list that belongs to a receipt. Errors: the store's, and [store.ErrIntegrity] where the list is not the one that the receipt
// was written with: it is being replaced, or it is damaged. Read the receipt again to tell.
func ReadJobShards(ctx context.Context, s receiptStore, r JobReceipt) ([]JobShard, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: the list of shards of job %s %s", store.ErrIntegrity, r.Job, fmt.Sprintf(format, args...))
	}
	o, err := s.Head(ctx, jobFolder(r.Job, r.Destination)+jobListName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, bad("is gone")
	}
	if err != nil {
		return nil, err
	}
	if o.Size != r.List.Bytes || o.Size > maxJobListBytes {
		return nil, bad("has %d bytes, its receipt says %d, and at most %d are read", o.Size, r.List.Bytes, maxJobListBytes)
	}
	b := make([]byte, 0, o.Size)
	for len(b) < int(o.Size) {
		piece := b[len(b):min(len(b)+readAtOnce, int(o.Size))]
		if err := s.ReadRange(ctx, o.Ref(), int64(len(b)), piece); err != nil {
			if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
				return nil, bad("was replaced or taken back meanwhile")
			}
			return nil, err
		}
		b = b[:len(b)+len(piece)]
	}
	if chunker.Sum(b) != r.List.Digest {
		return nil, bad("is not the one that its receipt was written with")
	}
	list, err := unpackJobShards(bytes.NewReader(b))
	if err != nil {
		return nil, bad("%v", err)
	}
	var sum int64
	for _, sh := range list {
		sum += sh.Bytes
	}
	if len(list) != r.Count || sum != r.Bytes {
		return nil, bad("has %d shards of %d bytes, its receipt says %d of %d", len(list), sum, r.Count, r.Bytes)
	}
	return list, nil
}

// WithdrawJobReceipt takes a job's receipt back, and then its list; that there is none is no error. It is called before the first object that the
// receipt promises is replaced or removed.
func WithdrawJobReceipt(ctx context.Context, s receiptStore, id, destination string) error {
	for _, name := range []string{jobReceiptName, jobListName} {
		if err := s.Delete(ctx, store.Ref{Key: jobFolder(id, destination) + name}); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("withdraw %s of job %s: %w", name, id, err)
		}
	}
	return nil
}

// WithdrawEnded is [WithdrawJobReceipt] for a receipt whose promise was over at a time, when it was listed. One that was written anew since, and whatever is being
// written, stays; gone tells whether it went.
func WithdrawEnded(ctx context.Context, s receiptStore, id, destination string, at time.Time) (gone bool, err error) {
	list, err := s.Head(ctx, jobFolder(id, destination)+jobListName)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	r, ref, err := readJobReceipt(ctx, s, id, destination)
	if errors.Is(err, ErrNoJobReceipt) || err == nil && !r.Ended(at) {
		return false, nil
	}
	for _, old := range []store.Ref{ref, list.Ref()} {
		if err == nil && old.ETag != "" {
			err = s.Delete(ctx, old)
		}
	}
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("withdraw the receipt of job %s: %w", id, err)
	}
	return true, nil
}

// JobReceipts reads the receipts of all jobs in a store, by id and destination. What cannot be believed is passed over.
func JobReceipts(ctx context.Context, s receiptStore) (list []JobReceipt, err error) {
	for token := ""; ; {
		page, err := s.List(ctx, store.ListOptions{Prefix: jobPrefix, Token: token})
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			id, destination, ok := jobOf(o.Key)
			if !ok {
				continue
			}
			r, err := ReadJobReceipt(ctx, s, id, destination)
			if errors.Is(err, ErrNoJobReceipt) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	slices.SortFunc(list, func(a, b JobReceipt) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Destination, b.Destination))
	})
	return list, nil
}

// jobOf is the job and the destination whose receipt has this key.
func jobOf(key string) (id, destination string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, jobPrefix), "/")
	if len(parts) != 3 || parts[2] != jobReceiptName {
		return "", "", false
	}
	id, err := url.PathUnescape(parts[0])
	destination, failed := url.PathUnescape(parts[1])
	return id, destination, err == nil && failed == nil && jobFolder(id, destination)+jobReceiptName == key
}
