package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Private is the prefix, at a store's root, of every object of ours that is not a shard.
const Private = ".datagravity/"

// IsPrivate tells whether a key belongs to datagravity and is never part of a dataset.
func IsPrivate(key string) bool { return strings.HasPrefix(key, Private) }

// Store is one bucket, container or directory. Implementations are safe for concurrent use. Every error that leaves a
// Store is an *[Error]. Keys are exact: no implementation cleans, escapes or renames one visibly; a key that the store
// cannot hold is refused with [ErrName] (see NameRules) before any request.
type Store interface {
	// URL names the store for people, without credentials.
	URL() string
	// Capabilities are what this backend, and this bucket as it is configured, can do.
	Capabilities() Capabilities

	// List returns one page of objects whose keys start with o.Prefix, in ascending byte order of their keys.
	List(ctx context.Context, o ListOptions) (Page, error)
	// Head returns one object's properties, with every checksum that the store keeps. [ErrNotFound] if absent.
	Head(ctx context.Context, key string) (Object, error)
	// ReadRange fills p with the bytes of the pinned object from offset off: all of p, or an error. A body that ends early
	// is a transient error. It never asks for more than len(p) bytes; len(p) == 0 is no request.
	ReadRange(ctx context.Context, ref Ref, off int64, p []byte) error

	// Put writes a whole object of at most Capabilities().PutMaxBytes in one request, with a checksum that the server
	// checks where it can. data is not kept.
	Put(ctx context.Context, key string, data []byte, o WriteOptions) (Object, error)
	// Copy copies src to key on the server, without its bytes passing us. [ErrUnsupported] where it cannot.
	Copy(ctx context.Context, key string, src Ref, o WriteOptions) (Object, error)
	// Delete removes the pinned object; an empty ETag removes whatever is there. Removing what is absent is no error.
	Delete(ctx context.Context, ref Ref) error

	// CreateUpload starts an upload in parts. Nothing is visible under key before CompleteUpload.
	CreateUpload(ctx context.Context, key string, o UploadOptions) (Upload, error)
	// UploadPart sends one part; sending the same number again replaces it. data is not kept. When it returns, the part
	// survives a crash of this machine or is the server's to keep.
	UploadPart(ctx context.Context, u Upload, p PartInput) (Part, error)
	// CopyPart makes a part of an upload from a range of an object of the same store, on the server: its bytes never pass us. The
	// upload must have been created with CopiesParts. The source is pinned: other content answers [ErrChanged], none
	// [ErrNotFound]. [ErrUnsupported] where Capabilities().CopiesParts is false. The checksums of the returned part are those that
	// the service computed over the range, "" where it tells none.
	CopyPart(ctx context.Context, u Upload, p PartCopy) (Part, error)
	// ListParts returns the parts that the store holds, in order of their numbers. recorded are the parts the caller
	// believes to be there: a store that cannot list (files) confirms those by reading them back, others may ignore it.
	// [ErrNotFound] if the upload is gone.
	ListParts(ctx context.Context, u Upload, recorded []Part) ([]Part, error)
	// CompleteUpload makes the object from all parts, in order, under o.Condition; the parts must cover o.Size bytes
	// from 0 without a gap. It is idempotent as far as the service allows: completing an upload whose object already
	// stands as described returns that object.
	CompleteUpload(ctx context.Context, u Upload, parts []Part, o CompleteOptions) (Object, error)
	// AbortUpload removes what an unfinished upload left. Aborting one that is gone is no error.
	AbortUpload(ctx context.Context, u Upload) error
	// ListUploads returns our unfinished uploads for keys that start with prefix, whoever started them.
	ListUploads(ctx context.Context, prefix string) ([]Upload, error)

	// Close releases connections and files.
	Close() error
}

// Object is what a store tells of one object.
type Object struct {
	Key  string
	Size int64 // bytes
	// ETag changes whenever the object's bytes do. Opaque: an HTTP ETag (S3, Azure), a generation number (GCS), or inode,
	// size and times (files). It is never taken for a hash of the content.
	ETag string
	// Version is the store's version id, "" where the bucket keeps no versions.
	Version  string
	Modified time.Time
	// Checksums are those that the store keeps for the whole object.
	Checksums       Checksums
	ContentType     string
	ContentEncoding string
	// StorageClass or access tier in the provider's words, "" for the default or unknown.
	StorageClass string
}

// Ref pins the object to read: with ETag (or Version) set, any other content answers [ErrChanged].
type Ref struct {
	Key     string
	ETag    string
	Version string
}

// Ref returns the pin of the object as it was seen.
func (o Object) Ref() Ref { return Ref{Key: o.Key, ETag: o.ETag, Version: o.Version} }

// ListOptions choose a page of a listing.
type ListOptions struct {
	// Prefix is matched byte by byte; a dataset's prefix ends in "/" (config makes it so), hence "aa/" never lists "aab/x".
	Prefix string
	// Token continues a listing: the Next of the page before.
	Token string
	// Max is the most objects in the page, at most 5000; 0 lets the backend choose.
	Max int
}

// Page is a part of a listing, in key order.
type Page struct {
	Objects []Object
	Next    string // token of the next page, "" after the last
}

// Condition is what must hold at the key for a write to happen. The zero value is refused.
type Condition struct {
	kind conditionKind
	etag string
}

type conditionKind int

const (
	conditionUnset conditionKind = iota
	conditionAbsent
	conditionMatch
	conditionAny
)

// IfAbsent lets a write happen only if nothing stands under the key.
func IfAbsent() Condition { return Condition{kind: conditionAbsent} }

// IfMatch lets a write happen only if the key still holds the object with this ETag.
func IfMatch(etag string) Condition { return Condition{kind: conditionMatch, etag: etag} }

// Always overwrites whatever is there. It is for our own objects under [Private] alone.
func Always() Condition { return Condition{kind: conditionAny} }

// IsAbsent tells whether the condition asks for absence.
func (c Condition) IsAbsent() bool { return c.kind == conditionAbsent }

// IsUnset tells whether no condition was chosen.
func (c Condition) IsUnset() bool { return c.kind == conditionUnset }

// ETag is the ETag that must match, "" for the other kinds.
func (c Condition) ETag() string { return c.etag }

// String is for logs and golden transcripts.
func (c Condition) String() string {
	switch c.kind {
	case conditionAbsent:
		return "if-absent"
	case conditionMatch:
		return "if-match " + c.etag
	case conditionAny:
		return "always"
	default:
		return "unset"
	}
}

// MarshalText writes it as String does, so that what is planned can be carried out by another process.
func (c Condition) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Condition) UnmarshalText(text []byte) error {
	etag, match := strings.CutPrefix(string(text), "if-match ")
	switch {
	case match && etag != "":
		*c = IfMatch(etag)
	case string(text) == IfAbsent().String():
		*c = IfAbsent()
	case string(text) == Always().String():
		*c = Always()
	case string(text) == (Condition{}).String():
		*c = Condition{}
	default:
		return fmt.Errorf("%q is no condition: want if-absent, if-match ETAG, always or unset", text)
	}
	return nil
}

// WriteOptions go with a write of a whole object.
type WriteOptions struct {
	Condition Condition
	Properties
	// Checksums that the caller knows of the whole body; the backend sends those that the server can check and computes
	// the one it prefers if it is missing. For Copy they are what the copy must have.
	Checksums Checksums
}

// Properties travel with an object. Empty fields are left to the store's defaults.
type Properties struct {
	ContentType     string `json:"content_type,omitempty"`
	ContentEncoding string `json:"content_encoding,omitempty"`
	// StorageClass or access tier in the provider's words (S3 STANDARD_IA, GCS NEARLINE, Azure Cool).
	StorageClass string `json:"storage_class,omitempty"`
	// KMSKey encrypts the object: an S3 key id or ARN, a GCS key name, an Azure encryption scope.
	KMSKey string `json:"kms_key,omitempty"`
}

// UploadOptions go with the start of an upload in parts.
type UploadOptions struct {
	Properties
	// Size is the object's final size in bytes, for backends that preallocate or choose names by it.
	Size int64
	// CopiesParts: some parts will be copied from other objects.
	CopiesParts bool
}

// Upload names an upload in progress. It is serialisable: another process can go on from it.
type Upload struct {
	Key string `json:"key"`
	// ID is the service's upload id, or ours where the service has none.
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	// CopiesParts as in UploadOptions.
	CopiesParts bool `json:"copies_parts,omitempty"`
	Properties
}

// PartInput is one part to send.
type PartInput struct {
	Number int   // from 1
	Offset int64 // of its first byte in the object
	Data   []byte
	// CRC64NVME and CRC32C of Data, computed once by the caller.
	CRC64NVME uint64
	CRC32C    uint32
}

// PartCopy is one part to copy.
type PartCopy struct {
	Number       int   // from 1
	Offset, Size int64 // in the new object
	// Source is pinned by its ETag or Version.
	Source       Ref
	SourceOffset int64
}

// Part is one part that the store holds.
type Part struct {
	Number int    `json:"number"`
	Offset int64  `json:"offset"` // -1 where the service does not tell
	Size   int64  `json:"size"`
	ETag   string `json:"etag,omitempty"` // what CompleteUpload needs to name it
	// CRC64NVME and CRC32C as the caller sent or the service tells; "" where unknown. Lower-case hex.
	CRC64NVME string `json:"crc64nvme,omitempty"`
	CRC32C    string `json:"crc32c,omitempty"`
}

// CompleteOptions go with the final write of an upload.
type CompleteOptions struct {
	Condition Condition
	Size      int64 // bytes of the whole object
	// Checksums of the whole object: the store is asked to check those it can, and the result is compared by the caller.
	Checksums Checksums
	// Left is called, before the call returns, when the object stands and parts of the upload may stand beside it, as when a request that was to remove
	// them failed: [Store.AbortUpload] removes them, and is to be tried before the upload is forgotten. nil: nobody asks.
	Left func()
}
