package azure_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
)

// raw is another tool at work in the same container, and the store that is tested.
func raw(t *testing.T, o azure.Options) (*container.Client, *azure.Store) {
	t.Helper()
	server := emutest.Azurite(t)
	u, err := url.Parse(emutest.Bucket(t, server))
	if err != nil {
		t.Fatal(err)
	}
	key, err := container.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential(server.Endpoint+"/"+u.Host, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := azure.Open(t.Context(), u, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// stage leaves an uncommitted block with an ID of the given text.
func stage(t *testing.T, c *blockblob.Client, id string) {
	t.Helper()
	id = base64.StdEncoding.EncodeToString([]byte(id))
	if _, err := c.StageBlock(t.Context(), id, streaming.NopCloser(strings.NewReader("foreign")), nil); err != nil {
		t.Fatal(err)
	}
}

func input(number int, off int64, data string) store.PartInput {
	return store.PartInput{Number: number, Offset: off, Data: []byte(data), CRC64NVME: crc64nvme.Checksum([]byte(data))}
}

// watch sees requests on their way.
type watch func(*http.Request)

func (f watch) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return http.DefaultTransport.RoundTrip(r)
}

// TestSecondAttemptsAreAnnounced: where bytes go out twice inside one call, the budget may say no.
func TestSecondAttemptsAreAnnounced(t *testing.T) {
	c, s := raw(t, azure.Options{})
	broke := errors.New("over budget")
	asked := 0
	ctx := store.WithAttempt(t.Context(), func(_ context.Context, previous error) error {
		if asked++; store.KindOf(previous) == nil {
			t.Errorf("the attempt before failed with %v", previous)
		}
		return broke
	})
	u, err := s.CreateUpload(ctx, "part", store.UploadOptions{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	stage(t, c.NewBlockBlobClient("part"), "0001")
	if _, err := s.UploadPart(ctx, u, input(1, 0, "bytes")); !errors.Is(err, broke) || store.KindOf(err) != store.ErrPermanent {
		t.Errorf("part: %v", err)
	}
	stage(t, c.NewBlockBlobClient("put"), "0001")
	if _, err := s.Put(ctx, "put", []byte("bytes"), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, broke) {
		t.Errorf("put: %v", err)
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestArchivedBlobHasAHint(t *testing.T) {
	c, s := raw(t, azure.Options{})
	o, err := s.Put(t.Context(), "cold", []byte("x"), store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{StorageClass: "Cool"}})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := s.Head(t.Context(), "cold"); err != nil || h.StorageClass != "Cool" {
		t.Errorf("the tier is %q, %v", h.StorageClass, err)
	}
	if _, err := c.NewBlobClient("cold").SetTier(t.Context(), blob.AccessTierArchive, nil); err != nil {
		t.Fatal(err)
	}
	err = s.ReadRange(t.Context(), o.Ref(), 0, make([]byte, 1))
	if store.KindOf(err) != store.ErrPermanent || !strings.Contains(err.Error(), "rehydrate") {
		t.Errorf("got %v", err)
	}
}

// TestEncodedBytesAreServedAsStored uses Go's default client, which unpacks gzip unless it is told otherwise.
func TestEncodedBytesAreServedAsStored(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(bytes.Repeat([]byte("shard"), 1000)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, s := raw(t, azure.Options{HTTPClient: http.DefaultClient})
	o, err := s.Put(t.Context(), "k.gz", packed.Bytes(), store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{ContentEncoding: "gzip", ContentType: "application/x-tar"}})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, packed.Len())
	if err := s.ReadRange(t.Context(), o.Ref(), 0, got); err != nil || !bytes.Equal(got, packed.Bytes()) {
		t.Errorf("got other bytes, or %v", err)
	}
	page, err := s.List(t.Context(), store.ListOptions{})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].ContentEncoding != "gzip" || page.Objects[0].ETag != o.ETag {
		t.Errorf("listed as %+v, %v; put as %+v", page.Objects, err, o)
	}
}

func TestPutKeepsMD5(t *testing.T) {
	_, s := raw(t, azure.Options{})
	data := []byte("some bytes")
	sum := md5.Sum(data)
	want := hex.EncodeToString(sum[:])
	if _, err := s.Put(t.Context(), "k", data, store.WriteOptions{Condition: store.IfAbsent(), Checksums: store.Checksums{MD5: want}}); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Head(t.Context(), "k"); err != nil || o.Checksums.MD5 != want {
		t.Errorf("head: %+v, %v", o, err)
	}
	for _, c := range []store.Checksums{{MD5: strings.Repeat("0", 32)}, {CRC64NVME: store.Hex64(1)}} {
		if _, err := s.Put(t.Context(), "other", data, store.WriteOptions{Condition: store.IfAbsent(), Checksums: c}); store.KindOf(err) != store.ErrIntegrity {
			t.Errorf("%+v: %v", c, err)
		}
	}
	u, err := s.CreateUpload(t.Context(), "parts", store.UploadOptions{Size: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.UploadPart(t.Context(), u, input(1, 0, string(data)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.CompleteUpload(t.Context(), u, []store.Part{p}, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(data)), Checksums: store.Checksums{MD5: want}})
	if err != nil || !o.Checksums.IsZero() {
		t.Errorf("complete vouches for %+v, %v", o.Checksums, err)
	}
	if o, err := s.Head(t.Context(), "parts"); err != nil || o.Checksums.MD5 != want {
		t.Errorf("head: %+v, %v", o, err)
	}
}

func TestCopySetsProperties(t *testing.T) {
	_, s := raw(t, azure.Options{})
	data := []byte("some bytes")
	src, err := s.Put(t.Context(), "from", data, store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{ContentType: "text/plain"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]store.Properties{"as it was": {ContentType: "text/plain"}, "changed": {ContentType: "application/x-tar", ContentEncoding: "zstd"}} {
		o := store.WriteOptions{Condition: store.IfAbsent()}
		if name == "changed" {
			o.Properties = want
		}
		made, err := s.Copy(t.Context(), "to "+name, src.Ref(), o)
		if err != nil {
			t.Fatal(err)
		}
		head, err := s.Head(t.Context(), "to "+name)
		if err != nil || head != made || head.ContentType != want.ContentType || head.ContentEncoding != want.ContentEncoding || head.Checksums.MD5 == "" {
			t.Errorf("%s: the copy is %+v, the head %+v, %v", name, made, head, err)
		}
	}
	if _, err := s.Copy(t.Context(), "wrong", src.Ref(), store.WriteOptions{Condition: store.IfAbsent(), Checksums: store.Checksums{MD5: strings.Repeat("0", 32)}}); store.KindOf(err) != store.ErrIntegrity {
		t.Errorf("copy that must have another MD5: %v", err)
	}
	if _, err := s.Copy(t.Context(), "scope", src.Ref(), store.WriteOptions{Condition: store.IfAbsent(), Properties: store.Properties{KMSKey: "scope"}}); store.KindOf(err) != store.ErrUnsupported {
		t.Errorf("copy into an encryption scope: %v", err)
	}
}
