package gcs

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"
	raw "google.golang.org/api/storage/v1"

	"github.com/datagravity/datagravity/pkg/store"
)

// piece is a source of a compose, pinned by its generation.
type piece struct {
	name       string
	generation int64
}

// assembly is one completion of an upload.
type assembly struct {
	*Store
	u     store.Upload
	dir   string
	o     store.CompleteOptions
	match *int64  // the condition on the key
	sum   *uint32 // CRC32C of the whole, nil if unknown
}

// CompleteUpload composes the parts, in a tree of at most 32 sources a compose. What clearing up afterwards leaves behind
// is told to o.Left, and found by ListUploads; it is no reason to call an object that stands unfinished.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if err := s.checkName("complete", u.Key); err != nil {
		return store.Object{}, err
	}
	dir, err := s.folder("complete", u)
	if err != nil {
		return store.Object{}, err
	}
	a := assembly{Store: s, u: u, dir: dir, o: o}
	if a.match, err = s.match("complete", u.Key, o.Condition); err != nil {
		return store.Object{}, err
	}
	pieces, err := a.pieces(parts)
	if err != nil {
		return store.Object{}, s.refuse("complete", u.Key, store.ErrIntegrity, err.Error())
	}
	if a.sum, err = wholeSum(parts, o); err != nil {
		return store.Object{}, s.refuse("complete", u.Key, store.ErrIntegrity, err.Error())
	}

	object, err := a.assemble(ctx, pieces)
	if kind := store.KindOf(err); kind == store.ErrConflict || kind == store.ErrNotFound {
		object, err = a.standing(ctx, err)
	}
	if err != nil {
		return store.Object{}, several(err)
	}
	if err := s.empty(ctx, dir); err != nil && o.Left != nil {
		o.Left()
	}
	return object, nil
}

// pieces checks that the parts are the whole object, in order.
func (a *assembly) pieces(parts []store.Part) ([]piece, error) {
	pieces := make([]piece, len(parts))
	size, last := int64(0), 0
	for i, p := range parts {
		switch {
		case p.Number <= last || p.Number > maxParts:
			return nil, fmt.Errorf("part number %d after %d: want ascending numbers up to %d", p.Number, last, maxParts)
		case p.Offset >= 0 && p.Offset != size:
			return nil, fmt.Errorf("part %d starts at byte %d, the parts before it end at %d", p.Number, p.Offset, size)
		}
		generation, ok := parseGeneration(p.ETag)
		if !ok {
			return nil, fmt.Errorf("part %d: %q is no generation; list the parts again", p.Number, p.ETag)
		}
		pieces[i] = piece{name: a.dir + fmt.Sprintf("%05d", p.Number), generation: generation}
		size, last = size+p.Size, p.Number
	}
	if size != a.o.Size {
		return nil, fmt.Errorf("the parts have %d bytes together, the object %d", size, a.o.Size)
	}
	return pieces, nil
}

// assemble makes the object under its key.
func (a *assembly) assemble(ctx context.Context, pieces []piece) (store.Object, error) {
	if len(pieces) == 0 {
		attrs, err := a.put(ctx, "complete", a.u.Key, a.u.Key, nil, store.WriteOptions{Condition: a.o.Condition, Properties: a.u.Properties}, nil)
		if err != nil {
			return store.Object{}, err
		}
		return a.describe(attrs), nil
	}
	pieces, err := a.narrow(ctx, pieces)
	if err != nil {
		return store.Object{}, a.fail("complete", a.u.Key, err)
	}
	name, match, class := a.u.Key, a.match, a.finalClass()
	if class != "" {
		name, match = a.dir+"composed", nil
	}
	made, err := a.compose(ctx, name, pieces, match, a.sum)
	if err != nil {
		return store.Object{}, a.fail("complete", a.u.Key, err)
	}
	if err := a.prove(ctx, "complete", name, made.Generation, made.Size, made.CRC32C, a.o.Size, a.sum); err != nil {
		return store.Object{}, err
	}
	if class == "" {
		return a.describe(made), nil
	}
	dst, err := a.destination("complete", a.u.Key, a.u.Key, a.o.Condition)
	if err != nil {
		return store.Object{}, err
	}
	p := a.u.Properties
	p.StorageClass = class
	if made, err = a.rewrite(ctx, "complete", a.u.Key, dst, made, p); err != nil {
		return store.Object{}, err
	}
	return a.describe(made), nil
}

// finalClass is the storage class that a composite of STANDARD parts cannot have, "" if it needs no other.
func (a *assembly) finalClass() string {
	class := a.u.StorageClass
	if class == "" {
		class = a.class
	}
	if class == "" || slices.Contains(freeToDelete, class) {
		return ""
	}
	return class
}

// narrow composes level by level until one compose takes the rest.
func (a *assembly) narrow(ctx context.Context, pieces []piece) ([]piece, error) {
	for level := 1; len(pieces) > maxComposed; level++ {
		groups := slices.Collect(slices.Chunk(pieces, maxComposed))
		next := make([]piece, len(groups))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(inParallel)
		for i, group := range groups {
			if len(group) == 1 {
				next[i] = group[0]
				continue
			}
			g.Go(func() error {
				name := fmt.Sprintf("%s%d-%05d", a.dir, level, i)
				made, err := a.compose(ctx, name, group, nil, nil)
				if err != nil {
					return err
				}
				next[i] = piece{name: name, generation: made.Generation}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		pieces = next
	}
	return pieces, nil
}

// compose concatenates pieces into name. A source's generation alone pins it: if it is gone the answer is 404, so that 412
// always means the destination.
func (a *assembly) compose(ctx context.Context, name string, pieces []piece, match *int64, sum *uint32) (*storage.ObjectAttrs, error) {
	req := &raw.ComposeRequest{Destination: &raw.Object{
		Bucket: a.bucket, ContentType: typeOf(a.u.Properties), ContentEncoding: a.u.ContentEncoding,
	}}
	if sum != nil {
		req.Destination.Crc32c = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, *sum))
	}
	for _, p := range pieces {
		req.SourceObjects = append(req.SourceObjects, &raw.ComposeRequestSourceObjects{Name: p.name, Generation: p.generation})
	}
	call := a.raw.Objects.Compose(a.bucket, name, req).Context(ctx)
	if match != nil {
		call = call.IfGenerationMatch(*match)
	}
	if a.u.KMSKey != "" {
		call = call.KmsKeyName(a.u.KMSKey)
	}
	made, err := call.Do()
	if err != nil {
		return nil, err
	}
	return attrsOf(made)
}

// attrsOf is what the SDK would make of a resource, as far as it is needed here.
func attrsOf(o *raw.Object) (*storage.ObjectAttrs, error) {
	sum, err := base64.StdEncoding.DecodeString(o.Crc32c)
	if err != nil || len(sum) != 4 {
		return nil, fmt.Errorf("the service answered with CRC32C %q", o.Crc32c)
	}
	md5, err := base64.StdEncoding.DecodeString(o.Md5Hash)
	if err != nil {
		return nil, fmt.Errorf("the service answered with MD5 %q", o.Md5Hash)
	}
	created, err := time.Parse(time.RFC3339Nano, o.TimeCreated)
	if err != nil {
		return nil, fmt.Errorf("the service answered with the time %q", o.TimeCreated)
	}
	return &storage.ObjectAttrs{
		Name: o.Name, Generation: o.Generation, Size: int64(o.Size), CRC32C: binary.BigEndian.Uint32(sum), MD5: md5, Created: created,
		ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, StorageClass: o.StorageClass, Metadata: o.Metadata,
	}, nil
}

// standing looks at the key after a refusal: a completion whose answer was lost has left the object there already.
func (a *assembly) standing(ctx context.Context, refusal error) (store.Object, error) {
	o, err := a.head(ctx, "complete", a.u.Key)
	switch {
	case err == nil && a.sum != nil && o.Size == a.o.Size && o.Checksums.CRC32C == store.Hex32(*a.sum):
		return o, nil
	case err != nil && store.KindOf(err) != store.ErrNotFound:
		return store.Object{}, err
	}
	return store.Object{}, refusal
}
