package s3

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestCopySource(t *testing.T) {
	s := &Store{bucket: "bkt"}
	for _, c := range []struct{ key, version, want string }{
		{"a b+c%d/e", "", "bkt/a%20b%2Bc%25d/e"},
		{"snow☃?x=1&y#z", "v.1_2", "bkt/snow%E2%98%83%3Fx%3D1%26y%23z?versionId=v.1_2"},
		{"a//b/../(c)", "", "bkt/a//b/../%28c%29"},
	} {
		if got := s.copySource(store.Ref{Key: c.key, Version: c.version}); got != c.want {
			t.Errorf("%q: got %s, want %s", c.key, got, c.want)
		}
	}
}

// TestCopyInParts is the way of objects above 5 GiB, with its limits lowered.
func TestCopyInParts(t *testing.T) {
	s := openServer(t)
	s.copyMaxBytes, s.copyPartBytes = 6*store.MiB, 5*store.MiB
	data := bytes.Repeat([]byte("0123456789abcdef"), 12<<20/16)
	src, err := s.Put(t.Context(), "sp ace/+%☃", data, store.WriteOptions{
		Condition: store.IfAbsent(), Properties: store.Properties{ContentType: "application/x-tar"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Copy(t.Context(), "copy", src.Ref(), store.WriteOptions{Condition: store.IfAbsent(), Checksums: sumsOfAll(data)})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if err := s.ReadRange(t.Context(), o.Ref(), 0, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the copy has other bytes (%v)", err)
	}
	if o.Size != src.Size || o.ContentType != "application/x-tar" {
		t.Errorf("got %+v", o)
	}
	if _, err := s.Copy(t.Context(), "copy", src.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("over an object: got %v, want %v", err, store.ErrConflict)
	}
	// The condition also holds at the end, for what comes in between.
	if _, err := s.copyParts(t.Context(), "copy", src.Ref(), src, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(classify("copy", err), store.ErrConflict) {
		t.Errorf("over an object that came late: got %v, want %v", err, store.ErrConflict)
	}
	if _, err := s.copyParts(t.Context(), "other", store.Ref{Key: src.Key, ETag: "stale"}, src, store.WriteOptions{Condition: store.IfAbsent()}); err == nil {
		t.Error("a source that changed was copied")
	}
	if us, err := s.ListUploads(t.Context(), ""); err != nil || len(us) != 0 {
		t.Errorf("%d uploads are left behind (%v)", len(us), err)
	}
}

// TestCopyRace: of copies to one absent key at the same time one wins, although this server's CopyObject would let all.
func TestCopyRace(t *testing.T) {
	s := openServer(t)
	const writers = 8
	sources, errs := make([]store.Object, writers), make([]error, writers)
	for i := range writers {
		sources[i] = mustPut(t, s, fmt.Sprint("src", i), bytes.Repeat([]byte{byte(i)}, 100_000))
	}
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			_, errs[i] = s.Copy(t.Context(), "dst", sources[i].Ref(), store.WriteOptions{Condition: store.IfAbsent()})
		})
	}
	group.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if o, err := s.Head(t.Context(), "dst"); err != nil || o.Checksums.CRC64NVME != sources[i].Checksums.CRC64NVME {
				t.Errorf("writer %d won, and the key holds another object (%+v, %v)", i, o, err)
			}
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrTransient):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

// TestServerCopyCondition keeps the reason for conditional copies as uploads: when CopyObject has learnt to refuse, this
// fails.
func TestServerCopyCondition(t *testing.T) {
	s := openServer(t)
	src, _ := mustPut(t, s, "src", first), mustPut(t, s, "dst", second)
	if _, err := s.copyWhole(t.Context(), "dst", src.Ref(), src, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Errorf("CopyObject refuses (%v): Copy can use it for conditional copies", err)
	}
}

// TestCopyTellsSourceFromDestination: both conditions are refused with 412.
func TestCopyTellsSourceFromDestination(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s, _ := openAmazon(t, d, "s3://bkt")
	src := mustPut(t, s, "src", first)
	d.answer("CopyObject", func(w http.ResponseWriter, r *http.Request) { refuse(w, 412, "PreconditionFailed", "no") })
	if _, err := s.Copy(t.Context(), "dst", src.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the source is as it was: got %v, want %v", err, store.ErrConflict)
	}
	d.answer("CopyObject", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.objects["src"] = &doubled{data: second, etag: md5Hex(second), header: http.Header{}}
		d.mu.Unlock()
		refuse(w, 412, "PreconditionFailed", "no")
	})
	if _, err := s.Copy(t.Context(), "dst", src.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("the source was replaced: got %v, want %v", err, store.ErrChanged)
	}
}

// TestServerPartCopyChecksum keeps the reason for copying without a checksum algorithm outside AWS: when the server has
// learnt better, this fails.
func TestServerPartCopyChecksum(t *testing.T) {
	s := openServer(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	src := mustPut(t, s, "src", data)
	u, err := s.CreateUpload(t.Context(), "dst", store.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := store.Part{Number: 1, Size: 5 * store.MiB}
	if err := s.copyPart(t.Context(), u, src.Ref(), &p, sourceRange{0, p.Size}, byCRC64NVME); err != nil {
		t.Fatal(err)
	}
	if whole := sumsOfAll(data).CRC64NVME; p.CRC64NVME != whole {
		t.Errorf("the server's checksum of a part of the source is %s, no longer that of the whole (%s): copyParts can ask for one", p.CRC64NVME, whole)
	}
}

// TestLargeConditionalPut: a refusal of 6 MiB is a conflict, not a broken connection, and the body stays here.
func TestLargeConditionalPut(t *testing.T) {
	s := openServer(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	mustPut(t, s, "k", data)
	for range 10 {
		if _, err := s.Put(t.Context(), "k", data[1:], store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("got %v, want %v", err, store.ErrConflict)
		}
	}
}

// TestServerDeleteMarker: versitygw 1.8.0 takes a delete marker for an object that If-None-Match must not replace. S3
// writes over one ("Add preconditions to S3 operations with conditional requests"). When this fails, the conformance
// suite's delete case holds in buckets with versioning too.
func TestServerDeleteMarker(t *testing.T) {
	s := openVersioned(t, Options{})
	mustPut(t, s, "k", first)
	if err := s.Delete(t.Context(), store.Ref{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("head of a deleted object: got %v, want %v", err, store.ErrNotFound)
	}
	if _, err := s.Put(t.Context(), "k", first, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
	out, err := s.client.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: &s.bucket})
	if err != nil || len(out.Versions) != 1 || len(out.DeleteMarkers) != 1 {
		t.Errorf("a delete must leave the version behind a marker: %+v, %v", out, err)
	}
}
