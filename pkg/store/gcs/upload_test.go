package gcs_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/gcs"
	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
)

func input(number int, off int64, b []byte) store.PartInput {
	return store.PartInput{
		Number: number, Offset: off, Data: b,
		CRC64NVME: crc64nvme.Checksum(b), CRC32C: crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)),
	}
}

// begin sends an upload's parts, all of partBytes.
func begin(t *testing.T, s *gcs.Store, key string, p store.Properties, parts, partBytes int) (store.Upload, []store.Part, []byte) {
	t.Helper()
	u, err := s.CreateUpload(t.Context(), key, store.UploadOptions{Properties: p})
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for i := range parts * partBytes {
		body = append(body, byte(i*i>>3))
	}
	sent := make([]store.Part, parts)
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	for i := range parts {
		g.Go(func() (err error) {
			off := i * partBytes
			sent[i], err = s.UploadPart(ctx, u, input(i+1, int64(off), body[off:off+partBytes]))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return u, sent, body
}

// only wants exactly these generations on the server, noncurrent ones included.
func only(t *testing.T, server *gcstest.Server, names ...string) {
	t.Helper()
	var got []string
	for _, o := range server.Objects() {
		got = append(got, o.Name)
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the bucket holds %q, want %q", got, names)
	}
}

// TestComposeTree goes through one, two and three levels; the server refuses more than 32 sources.
func TestComposeTree(t *testing.T) {
	for _, n := range []int{1, 2, 32, 33, 64, 65, 1024, 1025} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			server, s := serve(t, gcstest.Options{Versioning: n == 65})
			u, parts, body := begin(t, s, "dir/k", store.Properties{}, n, 7)
			o, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body))})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(body))
			if err := s.ReadRange(t.Context(), o.Ref(), 0, got); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("read back: %v", err)
			}
			only(t, server, "dir/k")
			if made := server.Objects()[0]; made.Components != int64(n) {
				t.Errorf("made of %d components", made.Components)
			}
		})
	}
}

// TestProperties: parts are STANDARD whatever is asked for, all that holds bytes is under the key, and the object is as
// asked.
func TestProperties(t *testing.T) {
	const kms = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	for name, c := range map[string]struct {
		bucket, asked, want string
	}{
		"default":          {"STANDARD", "", "STANDARD"},
		"asked":            {"STANDARD", "COLDLINE", "COLDLINE"},
		"bucket's default": {"NEARLINE", "", "NEARLINE"},
		"asked standard":   {"NEARLINE", "STANDARD", "STANDARD"},
		"old name":         {"REGIONAL", "", "STANDARD"},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := serve(t, gcstest.Options{StorageClass: c.bucket})
			p := store.Properties{ContentType: "application/x-tar", ContentEncoding: "zstd", StorageClass: c.asked, KMSKey: kms}
			u, parts, body := begin(t, s, "k", p, 35, 3)
			for _, o := range server.Objects() {
				if o.Class != "STANDARD" || o.KMSKey != kms {
					t.Errorf("%s: class %s, key %q", o.Name, o.Class, o.KMSKey)
				}
			}
			o, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body))})
			if err != nil {
				t.Fatal(err)
			}
			if o.StorageClass != c.want || o.ContentType != p.ContentType || o.ContentEncoding != p.ContentEncoding {
				t.Errorf("made %+v", o)
			}
			only(t, server, "k")
			if made := server.Objects()[0]; made.KMSKey != kms {
				t.Errorf("key %q", made.KMSKey)
			}
		})
	}
}

func TestPartsAreListedWhole(t *testing.T) {
	_, s := serve(t, gcstest.Options{})
	u, sent, _ := begin(t, s, "k", store.Properties{}, 12, 5)
	held, err := s.ListParts(t.Context(), u, nil)
	if err != nil || fmt.Sprint(held) != fmt.Sprint(sent) {
		t.Errorf("listed %v, %v\nsent %v", held, err, sent)
	}
}

func TestEmptyUpload(t *testing.T) {
	server, s := serve(t, gcstest.Options{})
	u, _, _ := begin(t, s, "k", store.Properties{ContentType: "text/plain"}, 0, 0)
	o, err := s.CompleteUpload(t.Context(), u, nil, store.CompleteOptions{Condition: store.IfAbsent()})
	if err != nil || o.Size != 0 || o.ContentType != "text/plain" {
		t.Fatalf("%+v, %v", o, err)
	}
	only(t, server, "k")
}

// TestOrphans: a part that arrives after its upload was aborted is found and removed, replaced parts of a bucket with
// versions included.
func TestOrphans(t *testing.T) {
	server, s := serve(t, gcstest.Options{Versioning: true})
	u, _, _ := begin(t, s, "k", store.Properties{}, 2, 5)
	if err := s.AbortUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.UploadPart(t.Context(), u, input(2, 5, []byte("late"))); err != nil {
			t.Fatal(err)
		}
	}
	if us, err := s.ListUploads(t.Context(), "k"); err != nil || len(us) != 0 {
		t.Errorf("an upload without a key is listed for one: %v, %v", us, err)
	}
	us, err := s.ListUploads(t.Context(), "")
	if err != nil || len(us) != 1 || us[0].ID != u.ID || us[0].Key != "" || us[0].Created.IsZero() {
		t.Fatalf("got %+v, %v", us, err)
	}
	if err := s.AbortUpload(t.Context(), us[0]); err != nil {
		t.Fatal(err)
	}
	only(t, server)
}

// TestForeignIDs: an id that is not ours never becomes a prefix to delete.
func TestForeignIDs(t *testing.T) {
	server, s := serve(t, gcstest.Options{})
	if _, err := s.Put(t.Context(), "k", nil, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "/", "..", "../..", "x", ".datagravity", "AAAAAAAAAAAAAAAAAAAAAAAAAA/"} {
		if err := s.AbortUpload(t.Context(), store.Upload{Key: "k", ID: id}); err != nil {
			t.Errorf("abort of %q: %v", id, err)
		}
		_, err := s.ListParts(t.Context(), store.Upload{Key: "k", ID: id}, nil)
		kindOf(t, err, store.ErrNotFound)
	}
	only(t, server, "k")
}

// TestCopyInSteps needs several rewrite calls and keeps what it was not asked to change.
func TestCopyInSteps(t *testing.T) {
	server, s := serve(t, gcstest.Options{RewriteBytes: 1000})
	data := bytes.Repeat([]byte("0123456789"), 1000)
	src, err := s.Put(t.Context(), "k", data, store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{ContentType: "application/x-tar"}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Copy(t.Context(), "c", src.Ref(), store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{StorageClass: "ARCHIVE"}})
	if err != nil || o.StorageClass != "ARCHIVE" || o.ContentType != "application/x-tar" || o.Checksums.CRC32C != src.Checksums.CRC32C {
		t.Fatalf("%+v, %v", o, err)
	}
	only(t, server, "c", "k")
	_, err = s.Copy(t.Context(), "d", src.Ref(), store.WriteOptions{Condition: store.IfAbsent(), Checksums: store.Checksums{CRC32C: "00000001"}})
	kindOf(t, err, store.ErrIntegrity)
	only(t, server, "c", "k")
}
