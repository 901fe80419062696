package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// receiptPrefix is where a destination keeps its receipts.
const receiptPrefix = store.Private + "ready/"

// maxReceiptBytes bounds what is read of an object that claims to be a receipt.
const maxReceiptBytes = 1 << 20

// Receipt is a small JSON object at the destination that says: this selection of this snapshot is here and proven.
type Receipt struct {
	Datagravity int            `json:"datagravity"` // format version, 0 until it is frozen
	Dataset     string         `json:"dataset"`
	Snapshot    chunker.Digest `json:"snapshot"`
	Shards      []string       `json:"shards"`    // globs; empty: all, unless Paths is set
	Selection   chunker.Digest `json:"selection"` // of the paths and digests
	Count       int            `json:"count"`
	Bytes       int64          `json:"bytes"`
	Prefix      string         `json:"prefix"` // where in the store the shards are
	Time        time.Time      `json:"time"`
	// Paths names the list of selected paths, where globs do not select.
	Paths *chunker.Digest `json:"paths,omitempty"`
}

// receiptDir of a dataset under a destination prefix; both are escaped, so that they are one path segment each.
func receiptDir(dataset, prefix string) string {
	return receiptPrefix + url.PathEscape(dataset) + "/" + url.QueryEscape(strings.TrimSuffix(prefix, "/")) + "/"
}

// Key is where the receipt lies in the store.
func (r Receipt) Key() string {
	return receiptDir(r.Dataset, r.Prefix) + r.Selection.Hex() + ".json"
}

// Covers tells whether what the receipt promises includes a selection: the same globs, or everything.
func (r Receipt) Covers(s Selection) bool {
	if named, _, id := s.Paths(); r.Paths != nil {
		return named != nil && *r.Paths == id
	}
	if len(r.Shards) == 0 {
		return true
	}
	globs := append([]string(nil), r.Shards...)
	sort.Strings(globs)
	return !s.All() && slices.Equal(globs, s.Globs)
}

// receiptStore is what receipts need of a store.
type receiptStore interface {
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
	Head(ctx context.Context, key string) (store.Object, error)
	ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error
	Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error)
	Delete(ctx context.Context, ref store.Ref) error
}

// WriteReceipt puts a receipt at the destination. It is a sync's last write.
func WriteReceipt(ctx context.Context, s receiptStore, r Receipt) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = s.Put(ctx, r.Key(), append(b, '\n'), store.WriteOptions{
		Condition: store.Always(), Properties: store.Properties{ContentType: "application/json"},
	})
	if err != nil {
		return fmt.Errorf("write the receipt: %w", err)
	}
	return nil
}

// Receipts reads the receipts of a dataset under a destination prefix, newest first. What is malformed, or is about
// another dataset, is passed over: it promises nothing.
func Receipts(ctx context.Context, s receiptStore, dataset, prefix string) ([]Receipt, error) {
	var out []Receipt
	dir := receiptDir(dataset, prefix)
	for token := ""; ; {
		page, err := s.List(ctx, store.ListOptions{Prefix: dir, Token: token})
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			if r, ok, err := readReceipt(ctx, s, o); err != nil {
				return nil, err
			} else if ok && r.Dataset == dataset && r.Key() == o.Key {
				out = append(out, r)
			}
		}
		if token = page.Next; token == "" {
			break
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Time.After(out[j].Time) })
	return out, nil
}

func readReceipt(ctx context.Context, s receiptStore, o store.Object) (r Receipt, ok bool, err error) {
	if o.Size == 0 || o.Size > maxReceiptBytes {
		return r, false, nil
	}
	b := make([]byte, o.Size)
	if err := s.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
			return r, false, nil // replaced or removed meanwhile
		}
		return r, false, err
	}
	return r, json.Unmarshal(b, &r) == nil && r.Datagravity == 0, nil
}

// WithdrawReceipts removes the receipts of a dataset under a prefix that stop being true, as untrue tells. It is called before the
// first object that they promise is replaced or removed.
func WithdrawReceipts(ctx context.Context, s receiptStore, dataset, prefix string, untrue func(Receipt) (bool, error)) error {
	list, err := Receipts(ctx, s, dataset, prefix)
	if err != nil {
		return fmt.Errorf("look for receipts to withdraw: %w", err)
	}
	for _, r := range list {
		gone, err := untrue(r)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := s.Delete(ctx, store.Ref{Key: r.Key()}); err != nil {
			return fmt.Errorf("withdraw the receipt %q: %w", r.Key(), err)
		}
	}
	return nil
}
