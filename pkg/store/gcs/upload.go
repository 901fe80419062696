package gcs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// uploads is where unfinished uploads live, a folder each.
	uploads = store.Private + "uploads/"
	// descriptor says in an upload's folder which key it is for. It is the store.Upload as JSON.
	descriptor = "upload.json"
	// descriptorMax is far above what a key, a KMS key name and a few words need.
	descriptorMax = 64 << 10
	// inParallel bounds the small requests of one operation: composes, deletes, reads of descriptors.
	inParallel = 8
)

// Metadata of a part, so that a listing tells all of it.
const (
	offsetMetadata    = "offset"
	crc64nvmeMetadata = "crc64nvme"
)

var (
	idForm   = lazyre.New(`^[A-Z2-7]{26}$`)
	partForm = lazyre.New(`^[0-9]{5}$`)
)

// folder is the prefix of an upload's objects. An ID of another form is nothing of ours: it must never become a prefix
// that is deleted.
func (s *Store) folder(op string, u store.Upload) (string, error) {
	if !idForm.MatchString(u.ID) {
		return "", s.refuse(op, u.Key, store.ErrNotFound, fmt.Sprintf("%q is not the id of an upload here", u.ID))
	}
	return uploads + u.ID + "/", nil
}

// CreateUpload writes the descriptor of a new upload.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := s.checkName("create-upload", key); err != nil {
		return store.Upload{}, err
	}
	if o.Size > maxObject {
		return store.Upload{}, s.refuse("create-upload", key, store.ErrPermanent, fmt.Sprintf("%d bytes are more than the largest object, 5 TiB", o.Size))
	}
	u := store.Upload{Key: key, ID: rand.Text(), Created: time.Now().UTC().Round(0), Properties: o.Properties}
	data, err := json.Marshal(u)
	if err != nil {
		return store.Upload{}, s.refuse("create-upload", key, store.ErrPermanent, err.Error())
	}
	w := store.WriteOptions{
		Condition:  store.IfAbsent(),
		Properties: store.Properties{ContentType: "application/json", StorageClass: "STANDARD", KMSKey: o.KMSKey},
	}
	if _, err := s.put(ctx, "create-upload", key, uploads+u.ID+"/"+descriptor, data, w, nil); err != nil {
		return store.Upload{}, err
	}
	return u, nil
}

// UploadPart writes the part as an object of its own, by one request.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	dir, err := s.folder("part", u)
	if err != nil {
		return store.Part{}, err
	}
	if p.Number < 1 || p.Number > maxParts {
		return store.Part{}, s.refuse("part", u.Key, store.ErrPermanent, fmt.Sprintf("part number %d: want 1 to %d", p.Number, maxParts))
	}
	part := store.Part{
		Number: p.Number, Offset: p.Offset, Size: int64(len(p.Data)),
		CRC64NVME: store.Hex64(p.CRC64NVME), CRC32C: store.Hex32(p.CRC32C),
	}
	attrs, err := s.put(ctx, "part", u.Key, dir+fmt.Sprintf("%05d", p.Number), p.Data, store.WriteOptions{
		Condition:  store.Always(),
		Properties: store.Properties{StorageClass: "STANDARD", KMSKey: u.KMSKey},
		Checksums:  store.Checksums{CRC32C: part.CRC32C},
	}, map[string]string{offsetMetadata: strconv.FormatInt(p.Offset, 10), crc64nvmeMetadata: part.CRC64NVME})
	if err != nil {
		return store.Part{}, err
	}
	part.ETag = strconv.FormatInt(attrs.Generation, 10)
	return part, nil
}

// ListParts lists the upload's folder, 1,000 parts a request. recorded is not needed.
func (s *Store) ListParts(ctx context.Context, u store.Upload, _ []store.Part) ([]store.Part, error) {
	dir, err := s.folder("list-parts", u)
	if err != nil {
		return nil, err
	}
	found, err := s.all(ctx, &storage.Query{Prefix: dir})
	if err != nil {
		return nil, several(s.fail("list-parts", u.Key, err))
	}
	var parts []store.Part
	open := false
	for _, a := range found {
		name := strings.TrimPrefix(a.Name, dir)
		open = open || name == descriptor
		if !partForm.MatchString(name) {
			continue
		}
		number, _ := strconv.Atoi(name) // five digits
		offset, err := strconv.ParseInt(a.Metadata[offsetMetadata], 10, 64)
		if err != nil {
			offset = -1
		}
		parts = append(parts, store.Part{
			Number: number, Offset: offset, Size: a.Size, ETag: strconv.FormatInt(a.Generation, 10),
			CRC64NVME: a.Metadata[crc64nvmeMetadata], CRC32C: store.Hex32(a.CRC32C),
		})
	}
	if !open {
		return nil, s.found("list-parts", u.Key, store.ErrNotFound, "the upload was completed or aborted")
	}
	return parts, nil
}

// all lists every page.
func (s *Store) all(ctx context.Context, q *storage.Query) ([]*storage.ObjectAttrs, error) {
	var found []*storage.ObjectAttrs
	for token := ""; ; {
		page, next, err := s.page(ctx, q, token, pageMax)
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if next == "" {
			return found, nil
		}
		token = next
	}
}

// AbortUpload removes everything in the upload's folder.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	if !idForm.MatchString(u.ID) {
		return nil // not ours, so there is nothing of it
	}
	if err := s.empty(ctx, uploads+u.ID+"/"); err != nil {
		return several(s.fail("abort", u.Key, err))
	}
	return nil
}

// empty deletes an upload's objects by generation, which leaves no noncurrent version behind, and the descriptor after all
// others, so that what a crash leaves is still found and named.
func (s *Store) empty(ctx context.Context, dir string) error {
	found, err := s.all(ctx, &storage.Query{Prefix: dir, Versions: s.versions})
	if err != nil {
		return err
	}
	isLast := func(a *storage.ObjectAttrs) bool { return a.Name == dir+descriptor }
	for _, last := range []bool{false, true} {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(inParallel)
		for _, a := range found {
			if isLast(a) != last {
				continue
			}
			g.Go(func() error {
				err := s.object(a.Name).Generation(a.Generation).Delete(ctx)
				if errors.Is(err, storage.ErrObjectNotExist) {
					return nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// ListUploads reads the descriptor of every upload. Parts without a descriptor (sent after their upload was aborted) are an
// upload with an empty key, returned only for an empty prefix; AbortUpload removes them.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	folders, err := s.all(ctx, &storage.Query{Prefix: uploads, Delimiter: "/"})
	if err != nil {
		return nil, several(s.fail("list-uploads", "", err))
	}
	found := make([]*store.Upload, len(folders))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inParallel)
	for i, f := range folders {
		id := strings.TrimSuffix(strings.TrimPrefix(f.Prefix, uploads), "/")
		if !idForm.MatchString(id) {
			continue
		}
		g.Go(func() (err error) {
			found[i], err = s.describeUpload(ctx, id)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, several(s.fail("list-uploads", "", err))
	}
	var list []store.Upload
	for _, u := range found {
		if u != nil && strings.HasPrefix(u.Key, prefix) {
			list = append(list, *u)
		}
	}
	slices.SortFunc(list, func(a, b store.Upload) int { return strings.Compare(a.Key+"\x00"+a.ID, b.Key+"\x00"+b.ID) })
	return list, nil
}

// describeUpload reads a descriptor; nil if the upload ended meanwhile.
func (s *Store) describeUpload(ctx context.Context, id string) (*store.Upload, error) {
	dir := uploads + id + "/"
	u := store.Upload{ID: id}
	data, err := s.small(ctx, dir+descriptor)
	if err == nil && json.Unmarshal(data, &u) == nil && u.ID == id {
		return &u, nil
	}
	if err != nil && !errors.Is(err, storage.ErrObjectNotExist) {
		return nil, err
	}
	left, _, err := s.page(ctx, &storage.Query{Prefix: dir}, "", pageMax)
	if err != nil || len(left) == 0 {
		return nil, err
	}
	u = store.Upload{ID: id, Created: left[0].Created}
	for _, a := range left {
		if a.Created.Before(u.Created) {
			u.Created = a.Created
		}
	}
	return &u, nil
}

// small reads a whole small object of ours.
func (s *Store) small(ctx context.Context, name string) ([]byte, error) {
	r, err := s.object(name).ReadCompressed(true).NewReader((&attempt{}).under(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, descriptorMax))
}
