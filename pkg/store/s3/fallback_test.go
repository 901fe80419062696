package s3

import (
	"bytes"
	"errors"
	"hash/crc32"
	"net/http"
	"slices"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

func partOf(number int, off int64, b []byte) store.PartInput {
	return store.PartInput{Number: number, Offset: off, Data: b, CRC64NVME: crc64nvme.Checksum(b), CRC32C: crc32.Checksum(b, castagnoli)}
}

func sumsOfAll(b []byte) store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, castagnoli))}
}

var first, second = bytes.Repeat([]byte("first "), 1000), bytes.Repeat([]byte("second"), 500)

func upload(t *testing.T, s *Store, key string) (store.Upload, []store.Part, []byte) {
	t.Helper()
	u, err := s.CreateUpload(t.Context(), key, store.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p1, err := s.UploadPart(t.Context(), u, partOf(1, 0, first))
	if err != nil {
		t.Fatal(err)
	}
	p2, err := s.UploadPart(t.Context(), u, partOf(2, int64(len(first)), second))
	if err != nil {
		t.Fatal(err)
	}
	return u, []store.Part{p1, p2}, append(slices.Clone(first), second...)
}

// TestFallback is of servers that know less than AWS: what is in use is found out by the first write, whichever it is,
// every body still carries one checksum, and Capabilities say so.
func TestFallback(t *testing.T) {
	for _, c := range []struct {
		name    string
		double  *double
		uses    string
		objects []string
	}{
		{"knows all", &double{knows: []string{"crc64nvme", "crc32c"}}, "crc64nvme", []string{"crc64nvme"}},
		{"refuses crc64nvme", &double{knows: []string{"crc32c"}}, "crc32c", nil},
		{"refuses both", &double{}, "md5", nil},
		{"ignores both", &double{ignores: true}, "md5", nil},
	} {
		t.Run(c.name+", put first", func(t *testing.T) {
			d := newDouble(t, &double{knows: c.double.knows, ignores: c.double.ignores})
			s := d.open(t)
			for _, key := range []string{"a", "b"} {
				o, err := s.Put(t.Context(), key, first, store.WriteOptions{Condition: store.IfAbsent(), Checksums: sumsOfAll(first)})
				if err != nil {
					t.Fatal(err)
				}
				if o.Size != int64(len(first)) || o.Checksums.MD5 != md5Hex(first) {
					t.Errorf("put %s: %+v", key, o)
				}
			}
			expectUse(t, s, c.uses, c.objects)
		})
		t.Run(c.name+", upload first", func(t *testing.T) {
			d := newDouble(t, &double{knows: c.double.knows, ignores: c.double.ignores})
			s := d.open(t)
			u, parts, whole := upload(t, s, "big")
			o, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(whole)), Checksums: sumsOfAll(whole)})
			if err != nil {
				t.Fatal(err)
			}
			if want := c.uses == "crc64nvme"; (o.Checksums.Compare(sumsOfAll(whole)) == store.Equal) != want {
				t.Errorf("checksums of the object in %s: %+v", c.uses, o.Checksums)
			}
			if len(d.uploads) != 0 {
				t.Errorf("%d uploads are left behind", len(d.uploads))
			}
			expectUse(t, s, c.uses, c.objects)
		})
	}
}

func expectUse(t *testing.T, s *Store, uses string, objects []string) {
	t.Helper()
	c := s.Capabilities()
	if !slices.Equal(c.ServerChecks, []string{uses}) || !slices.Equal(c.ObjectChecksums, objects) || c.Proof == "" {
		t.Errorf("server checks %v, object checksums %v, want %s and %v", c.ServerChecks, c.ObjectChecksums, uses, objects)
	}
}

// TestFallbackIsNotForOtherRefusals: a 400 that no checksum mends is returned as it was, and nothing is given up for it.
func TestFallbackIsNotForOtherRefusals(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme", "crc32c"}})
	d.on = func(op string, w http.ResponseWriter, r *http.Request) bool {
		if op != "PutObject" {
			return false
		}
		refuse(w, 400, "InvalidArgument", "no such storage class")
		return true
	}
	s := d.open(t)
	_, err := s.Put(t.Context(), "a", first, store.WriteOptions{Condition: store.IfAbsent()})
	if !errors.Is(err, store.ErrPermanent) {
		t.Fatalf("got %v, want %v", err, store.ErrPermanent)
	}
	expectUse(t, s, "crc64nvme", []string{"crc64nvme"})
}

// TestFallbackProof: without a full-object checksum the one of the parts decides.
func TestFallbackProof(t *testing.T) {
	for _, knows := range [][]string{{"crc32c"}, {}} {
		d := newDouble(t, &double{knows: knows})
		s := d.open(t)
		u, parts, whole := upload(t, s, "big")
		d.mu.Lock()
		d.uploads[u.ID].parts[2] = bytes.ToUpper(second) // the server loses its mind
		d.mu.Unlock()
		_, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(whole)), Checksums: sumsOfAll(whole)})
		if !errors.Is(err, store.ErrIntegrity) {
			t.Errorf("a server that knows %v made another object: got %v, want %v", knows, err, store.ErrIntegrity)
		}
	}
}
