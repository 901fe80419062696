package sync

import (
	"context"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

// hooked lets a test act in the middle of a sync: before a read, and after a part or a put was answered.
type hooked struct {
	store.Store
	mu         sync.Mutex
	beforeRead func(key string, off int64)
	afterPart  func(number int)
	onComplete func() error
}

func (h *hooked) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *hooked) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if h.beforeRead != nil {
		h.locked(func() { h.beforeRead(ref.Key, off) })
	}
	return h.Store.ReadRange(ctx, ref, off, p)
}

func (h *hooked) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	out, err := h.Store.UploadPart(ctx, u, p)
	if err == nil && h.afterPart != nil {
		h.locked(func() { h.afterPart(p.Number) })
	}
	return out, err
}

func (h *hooked) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if h.onComplete != nil {
		if err := h.onComplete(); err != nil {
			return store.Object{}, err
		}
	}
	return h.Store.CompleteUpload(ctx, u, parts, o)
}
