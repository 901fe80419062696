package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	jsonType   = "application/json"
	zstdType   = "application/zstd"
	binaryType = "application/octet-stream"

	// readAtOnce is how much one request reads at most, unless one recipe is larger.
	readAtOnce = 8 << 20
	// uploadPartBytes is within the limits of every service for up to 80 GB, and one part is in memory.
	uploadPartBytes = 8 << 20
	// maxAttempts at an object that is replaced while it is read: with the same bytes, mostly.
	maxAttempts = 3
)

// Reader is what reading needs of a store.
type Reader interface {
	Head(ctx context.Context, key string) (store.Object, error)
	ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error
}

// Lister is a [Reader] that lists.
type Lister interface {
	Reader
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
}

// Writer is what publishing needs of a store.
type Writer interface {
	Lister
	Capabilities() store.Capabilities
	Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error)
	CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error)
	UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error)
	CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error)
	AbortUpload(ctx context.Context, u store.Upload) error
}

// put writes a whole object, in parts where one request does not take it (Azure: 64 MiB).
func put(ctx context.Context, w Writer, key string, b []byte, contentType string, c store.Condition) error {
	if int64(len(b)) <= w.Capabilities().PutMaxBytes {
		_, err := w.Put(ctx, key, b, store.WriteOptions{Condition: c, Properties: store.Properties{ContentType: contentType}})
		return err
	}
	u, err := w.CreateUpload(ctx, key, store.UploadOptions{Size: int64(len(b)), Properties: store.Properties{ContentType: contentType}})
	if err != nil {
		return err
	}
	err = putParts(ctx, w, u, b, c)
	if err != nil {
		// Best effort, also when ctx is over: what remains is an upload that the store's own rules remove.
		err = errors.Join(err, w.AbortUpload(context.WithoutCancel(ctx), u))
	}
	return err
}

func putParts(ctx context.Context, w Writer, u store.Upload, b []byte, c store.Condition) error {
	limits := w.Capabilities().Parts
	most := int64(max(1, limits.MaxParts))
	partBytes := min(max(uploadPartBytes, limits.MinBytes, (int64(len(b))+most-1)/most), max(1, limits.MaxBytes))
	var parts []store.Part
	for at := int64(0); at < int64(len(b)); at += partBytes {
		piece := b[at:min(at+partBytes, int64(len(b)))]
		p, err := w.UploadPart(ctx, u, store.PartInput{
			Number: len(parts) + 1, Offset: at, Data: piece, CRC64NVME: chunker.CRC64NVME(piece), CRC32C: chunker.CRC32C(piece),
		})
		if err != nil {
			return err
		}
		parts = append(parts, p)
	}
	left := false
	_, err := w.CompleteUpload(ctx, u, parts, store.CompleteOptions{
		Condition: c, Size: int64(len(b)), Left: func() { left = true },
		Checksums: store.Checksums{CRC64NVME: store.Hex64(chunker.CRC64NVME(b)), CRC32C: store.Hex32(chunker.CRC32C(b))},
	})
	if err == nil && left {
		// It stands: what is left is no reason to write it again.
		_ = w.AbortUpload(context.WithoutCancel(ctx), u)
	}
	return err
}

// readNamed reads an object that is named by its digest and whose size is known, and proves both. Memory is taken as it is read. A
// nil error means that the bytes are those; [ErrBad] that they are not.
func readNamed(ctx context.Context, r Reader, key string, id chunker.Digest, size int64) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		o, err := r.Head(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, bad(key, againHint, "it is gone")
		}
		if err != nil {
			return nil, err
		}
		if o.Size != size {
			return nil, bad(key, againHint, "it has %d bytes, and what names it says %d", o.Size, size)
		}
		b, err := readWhole(ctx, r, o)
		if replaced(err) && attempt < maxAttempts {
			continue
		}
		if err != nil {
			return nil, err
		}
		if chunker.Sum(b) != id {
			return nil, bad(key, againHint, "it is not what its digest names, it is damaged")
		}
		return b, nil
	}
}

func readWhole(ctx context.Context, r Reader, o store.Object) ([]byte, error) {
	b := make([]byte, 0, min(o.Size, readAtOnce))
	for at := int64(0); at < o.Size; at = int64(len(b)) {
		n := int(min(readAtOnce, o.Size-at))
		b = append(b, make([]byte, n)...)
		if err := r.ReadRange(ctx, o.Ref(), at, b[at:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// replaced tells that an object was written anew or removed since its properties were read.
func replaced(err error) bool {
	return errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound)
}

func listAll(ctx context.Context, l Lister, prefix string, f func(store.Object) error) error {
	for token := ""; ; {
		page, err := l.List(ctx, store.ListOptions{Prefix: prefix, Token: token})
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, o := range page.Objects {
			if err := f(o); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}
