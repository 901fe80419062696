package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// liar is an honest store that breaks one promise, by the name of the quirk for it, or of a promise that no quirk excuses.
type liar struct {
	*mem.Store
	lie  Quirk
	mu   sync.Mutex
	done map[string]bool
	// copied parts by upload and number
	copied map[string]store.Part
}

// Lies that nothing excuses.
const (
	listIgnoresMax    Quirk = "list-ignores-max"
	listIgnoresSlash  Quirk = "list-ignores-slash"
	listForgets       Quirk = "list-forgets"
	headDiffers       Quirk = "head-differs"
	readShifts        Quirk = "read-shifts"
	deleteDoesNothing Quirk = "delete-does-nothing"
	copyDamages       Quirk = "copy-damages"
	partsForgotten    Quirk = "parts-forgotten"
	uploadsVisible    Quirk = "uploads-visible"
	unsetMeansAlways  Quirk = "unset-means-always"
	bareErrors        Quirk = "bare-errors"
	unmetered         Quirk = "unmetered"
	pastEndIsZeros    Quirk = "past-the-end-is-zeros"
	partCopyShifts    Quirk = "part-copy-shifts"
	partCopyClamps    Quirk = "part-copy-clamps"
	partCopyEchoes    Quirk = "part-copy-tells-the-wrong-checksum"
	partCopyForgotten Quirk = "part-copy-forgotten"
	partCopyKeepsOld  Quirk = "part-copy-does-not-replace"
)

func TestEveryLieIsCaught(t *testing.T) {
	excusable := map[Quirk][]Quirk{ // with the quirks that follow from it
		ReadIgnoresPin: nil, DeleteIgnoresPin: nil, CopyIgnoresPin: nil, PartCopyIgnoresPin: nil, PartCopyClampsRange: nil, CopyIgnoresCondition: nil, PutIgnoresIfAbsent: {PutRaces},
		PutIgnoresIfMatch: nil, PutRaces: nil, PutIgnoresChecksum: nil, PartIgnoresChecksum: nil,
		CompleteIgnoresCondition: {CompleteRaces}, CompleteRaces: nil, CompleteIgnoresChecksum: nil, CompleteIgnoresMissing: nil,
		CompleteIgnoresOrder: nil, CompleteNotIdempotent: nil, ObjectChecksumsMissing: nil, ListUploadsIncomplete: nil,
		AbortLeavesUpload: nil, ListUnordered: nil, ContentTypeLost: nil, ContentEncodingLost: nil, ContentEncodingTranscodes: nil,
		KeyMangled("a//b"): nil,
	}
	if want := len(reasons) + 1; len(excusable) != want {
		t.Errorf("%d quirks are tried, there are %d", len(excusable), want)
	}
	for q, also := range excusable {
		t.Run(string(q), func(t *testing.T) {
			if q.Reason() == "" {
				t.Error("the quirk has no reason")
			}
			if failed, _ := runAll(t, q, nil); len(failed) == 0 {
				t.Error("undeclared: every case passed")
			}
			failed, e := runAll(t, q, append([]Quirk{q}, also...))
			if len(failed) > 0 {
				t.Errorf("declared: %v", failed)
			}
			if left := e.Unobserved(); len(left) > 0 {
				t.Errorf("declared, but not observed: %v", left)
			}
			if !slices.ContainsFunc(e.NotProven(), func(n string) bool { return strings.Contains(n, "not proven here: "+q.Reason()) }) {
				t.Errorf("not reported: %q", e.NotProven())
			}
		})
	}
	for _, q := range []Quirk{listIgnoresMax, listIgnoresSlash, listForgets, headDiffers, readShifts, deleteDoesNothing, copyDamages,
		partsForgotten, uploadsVisible, unsetMeansAlways, bareErrors, unmetered, pastEndIsZeros, partCopyShifts, partCopyClamps, partCopyEchoes,
		partCopyForgotten, partCopyKeepsOld} {
		t.Run(string(q), func(t *testing.T) {
			if failed, _ := runAll(t, q, []Quirk{q}); len(failed) == 0 {
				t.Error("every case passed")
			}
		})
	}
}

func TestHonestStoreDisprovesQuirks(t *testing.T) {
	declared := []Quirk{DeleteIgnoresPin, PutRaces, KeyMangled("a//b")}
	failed, e := runAll(t, "", declared)
	if len(failed) > 0 {
		t.Errorf("honest store: %v", failed)
	}
	if !slices.Equal(e.Unobserved(), declared) {
		t.Errorf("unobserved: %v, want %v", e.Unobserved(), declared)
	}
	if n := e.NotProven(); len(n) > 0 {
		t.Errorf("not proven: %q", n)
	}
}

func TestDataFollowFromTheSeed(t *testing.T) {
	one, two, other := NewEnv(nil, Options{}), NewEnv(nil, Options{}), NewEnv(nil, Options{Seed: 1})
	if !bytes.Equal(one.data("a", 1001), two.data("a", 1001)) {
		t.Error("two runs with one seed have different data")
	}
	if bytes.Equal(one.data("a", 1001), other.data("a", 1001)) || bytes.Equal(one.data("a", 1001), one.data("b", 1001)) {
		t.Error("another seed or name gives the same data")
	}
	if one.Prefix == two.Prefix {
		t.Error("two runs share a folder")
	}
}

// runAll is what doctor does: all cases without package testing.
func runAll(t *testing.T, lie Quirk, declared []Quirk) (failed []error, e *Env) {
	s := &liar{Store: mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 1}}), lie: lie, done: map[string]bool{}, copied: map[string]store.Part{}}
	e = NewEnv(s, Options{Quirks: declared})
	for _, c := range Cases() {
		if err := c.Run(t.Context(), e); err != nil {
			failed = append(failed, errors.Join(errors.New(c.Name), err))
		}
	}
	return failed, e
}

func (l *liar) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	prefix := o.Prefix
	switch l.lie {
	case listIgnoresMax:
		o.Max = 0
	case listIgnoresSlash:
		o.Prefix = strings.TrimSuffix(prefix, "/")
	}
	p, err := l.Store.List(ctx, o)
	switch {
	case l.lie == ListUnordered:
		slices.Reverse(p.Objects)
	case l.lie == listForgets && len(p.Objects) > 3:
		p.Objects = slices.Delete(p.Objects, 1, 2)
	case l.lie == bareErrors && err != nil:
		err = errors.New("oops")
	}
	return p, err
}

func (l *liar) Head(ctx context.Context, key string) (store.Object, error) {
	o, err := l.Store.Head(ctx, key)
	if l.lie == headDiffers {
		o.ETag += "-weak"
	}
	return o, err
}

func (l *liar) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if l.lie == ReadIgnoresPin {
		ref.ETag, ref.Version = "", ""
	}
	if l.lie == unmetered {
		ctx = store.WithUsage(ctx, &store.Usage{})
	}
	if l.lie == readShifts && off > 0 {
		off--
	}
	err := l.Store.ReadRange(ctx, ref, off, p)
	if l.lie == pastEndIsZeros && errors.Is(err, store.ErrPermanent) {
		return nil
	}
	if l.lie == ContentEncodingTranscodes && err == nil && len(p) > 0 {
		if o, err := l.Store.Head(ctx, ref.Key); err == nil && o.ContentEncoding != "" {
			p[0] ^= 1
		}
	}
	return err
}

func (l *liar) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	switch {
	case l.lie == PutIgnoresIfAbsent && o.Condition.IsAbsent(), l.lie == PutIgnoresIfMatch && o.Condition.ETag() != "",
		l.lie == unsetMeansAlways && o.Condition.IsUnset():
		o.Condition = store.Always()
	case l.lie == PutRaces && o.Condition.IsAbsent():
		o.Condition = l.checkThenWrite(ctx, key)
	case l.lie == PutIgnoresChecksum:
		o.Checksums = store.Checksums{}
	case l.lie == ContentTypeLost:
		o.ContentType = ""
	case l.lie == ContentEncodingLost:
		o.ContentEncoding = ""
	case l.lie == KeyMangled("a//b"):
		key = strings.ReplaceAll(key, "//", "/")
	}
	return l.Store.Put(ctx, key, data, o)
}

// checkThenWrite looks first and writes later, as a server without atomic conditions does.
func (l *liar) checkThenWrite(ctx context.Context, key string) store.Condition {
	if _, err := l.Store.Head(ctx, key); err == nil {
		return store.IfAbsent()
	}
	time.Sleep(5 * time.Millisecond)
	return store.Always()
}

func (l *liar) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	switch {
	case l.lie == CopyIgnoresPin:
		src.ETag, src.Version = "", ""
	case l.lie == CopyIgnoresCondition && !o.Condition.IsUnset():
		o.Condition = store.Always()
	case l.lie == copyDamages:
		h, err := l.Store.Head(ctx, src.Key)
		if err != nil {
			return h, err
		}
		return l.Store.Put(ctx, key, make([]byte, h.Size), store.WriteOptions{Condition: o.Condition})
	}
	return l.Store.Copy(ctx, key, src, o)
}

func (l *liar) Delete(ctx context.Context, ref store.Ref) error {
	if l.lie == deleteDoesNothing {
		return nil
	}
	if l.lie == DeleteIgnoresPin {
		ref.ETag, ref.Version = "", ""
	}
	return l.Store.Delete(ctx, ref)
}

func (l *liar) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if l.lie == ContentTypeLost {
		o.ContentType = ""
	}
	if l.lie == uploadsVisible {
		l.Store.Put(ctx, key, nil, store.WriteOptions{Condition: store.IfAbsent()})
	}
	return l.Store.CreateUpload(ctx, key, o)
}

func (l *liar) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if l.lie == PartIgnoresChecksum {
		p = partInput(p.Number, p.Offset, p.Data)
	}
	return l.Store.UploadPart(ctx, u, p)
}

func (l *liar) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	o, err := l.Store.Head(ctx, p.Source.Key)
	switch {
	case err != nil:
	case l.lie == PartCopyIgnoresPin && p.Source.ETag != "":
		p.Source = o.Ref()
	case l.lie == partCopyShifts && p.SourceOffset > 0:
		p.SourceOffset--
	case l.lie == PartCopyClampsRange && p.SourceOffset < o.Size:
		p.Size = min(p.Size, o.Size-p.SourceOffset)
	case l.lie == partCopyClamps:
		p.SourceOffset = min(p.SourceOffset, o.Size-p.Size)
	}
	l.mu.Lock()
	old, repeated := l.copied[u.ID+strconv.Itoa(p.Number)]
	l.mu.Unlock()
	if l.lie == partCopyKeepsOld && repeated {
		return old, nil
	}
	made, err := l.Store.CopyPart(ctx, u, p)
	if l.lie == partCopyEchoes {
		made.CRC64NVME = o.Checksums.CRC64NVME
	}
	if l.lie == partCopyKeepsOld && err == nil {
		made.CRC64NVME, made.CRC32C = "", "" // or they would tell
		l.mu.Lock()
		l.copied[u.ID+strconv.Itoa(p.Number)] = made
		l.mu.Unlock()
	}
	return made, err
}

func (l *liar) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	ps, err := l.Store.ListParts(ctx, u, recorded)
	if l.lie == partsForgotten && len(ps) > 1 {
		ps = ps[:1]
	}
	if l.lie == partCopyForgotten && u.CopiesParts && len(ps) > 0 {
		ps = ps[1:]
	}
	return ps, err
}

func (l *liar) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	l.mu.Lock()
	again := l.done[u.ID]
	l.mu.Unlock()
	switch {
	case l.lie == CompleteIgnoresCondition && !o.Condition.IsUnset():
		o.Condition = store.Always()
	case l.lie == CompleteRaces && o.Condition.IsAbsent():
		o.Condition = l.checkThenWrite(ctx, u.Key)
	case l.lie == CompleteIgnoresChecksum:
		o.Checksums = store.Checksums{}
	case l.lie == CompleteIgnoresMissing && parts == nil:
		o.Size, o.Checksums = 0, store.Checksums{}
	case l.lie == CompleteIgnoresOrder:
		slices.SortFunc(parts, func(a, b store.Part) int { return cmp.Compare(a.Number, b.Number) })
	case l.lie == CompleteNotIdempotent && again:
		return store.Object{}, &store.Error{Op: "complete", Store: l.URL(), Key: u.Key, Kind: store.ErrNotFound}
	}
	made, err := l.Store.CompleteUpload(ctx, u, parts, o)
	if err == nil {
		l.mu.Lock()
		l.done[u.ID] = true
		l.mu.Unlock()
	}
	if l.lie == ObjectChecksumsMissing {
		made.Checksums = store.Checksums{}
	}
	return made, err
}

func (l *liar) AbortUpload(ctx context.Context, u store.Upload) error {
	if l.lie == AbortLeavesUpload {
		return nil
	}
	return l.Store.AbortUpload(ctx, u)
}

func (l *liar) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	if l.lie == ListUploadsIncomplete {
		return nil, nil
	}
	return l.Store.ListUploads(ctx, prefix)
}
