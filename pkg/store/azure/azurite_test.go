package azure_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
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

// TestTransactionalCRC64 shows that the header is the little-endian value in base64, and that the server checks it.
func TestTransactionalCRC64(t *testing.T) {
	data := []byte("123456789")
	little := binary.LittleEndian.AppendUint64(nil, 0xae8b14860a799888)
	big := binary.BigEndian.AppendUint64(nil, 0xae8b14860a799888)
	for name, c := range map[string]struct {
		send []byte // nil: as the store does
		kind error
	}{
		"as sent": {nil, nil}, "little-endian": {little, nil}, "big-endian": {big, store.ErrIntegrity}, "one bit": {append([]byte{little[0] ^ 1}, little[1:]...), store.ErrIntegrity},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var seen []string
			client := &http.Client{Transport: watch(func(r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				for name, values := range r.Header {
					if strings.EqualFold(name, "x-ms-content-crc64") {
						seen = append(seen, values...)
					}
				}
			})}
			// A wrong value goes in as the caller's own, which UploadPart trusts and Put would compare first.
			_, s := raw(t, azure.Options{HTTPClient: client})
			if c.send == nil {
				if _, err := s.Put(t.Context(), "put", data, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
					t.Error(err)
				}
			}
			u, err := s.CreateUpload(t.Context(), "part", store.UploadOptions{Size: 9})
			if err != nil {
				t.Fatal(err)
			}
			crc := crc64nvme.Checksum(data)
			if c.send != nil {
				crc = binary.LittleEndian.Uint64(c.send)
			}
			_, err = s.UploadPart(t.Context(), u, store.PartInput{Number: 1, Data: data, CRC64NVME: crc})
			if store.KindOf(err) != c.kind {
				t.Errorf("got %v, want %v", err, c.kind)
			}
			want := base64.StdEncoding.EncodeToString(little)
			if c.send != nil {
				want = base64.StdEncoding.EncodeToString(c.send)
			}
			for _, h := range seen {
				if h != want {
					t.Errorf("the header is %s, want %s", h, want)
				}
			}
			if len(seen) == 0 {
				t.Error("no checksum was sent")
			}
		})
	}
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

func TestLeftoverBlocksOfAnotherLength(t *testing.T) {
	c, s := raw(t, azure.Options{})
	t.Run("before the upload", func(t *testing.T) {
		stage(t, c.NewBlockBlobClient("before"), "0001")
		finishOne(t, s, "before", nil)
	})
	t.Run("after the upload began", func(t *testing.T) {
		finishOne(t, s, "after", func() { stage(t, c.NewBlockBlobClient("after"), "0001") })
	})
	t.Run("parts in parallel", func(t *testing.T) {
		u, err := s.CreateUpload(t.Context(), "parallel", store.UploadOptions{Size: 8})
		if err != nil {
			t.Fatal(err)
		}
		stage(t, c.NewBlockBlobClient("parallel"), "0001")
		held := make([]store.Part, 8)
		var wg sync.WaitGroup
		for i := range held {
			wg.Go(func() {
				var err error
				if held[i], err = s.UploadPart(t.Context(), u, input(i+1, int64(i), "x")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := s.CompleteUpload(t.Context(), u, held, store.CompleteOptions{Condition: store.IfAbsent(), Size: 8}); err != nil {
			t.Error(err)
		}
	})
	t.Run("where a blob stands", func(t *testing.T) {
		if _, err := s.Put(t.Context(), "stands", []byte("precious"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Fatal(err)
		}
		stage(t, c.NewBlockBlobClient("stands"), "0001")
		_, err := s.CreateUpload(t.Context(), "stands", store.UploadOptions{Size: 1})
		if store.KindOf(err) != store.ErrPermanent || !strings.Contains(err.Error(), "another tool left 1 uncommitted blocks") {
			t.Errorf("got %v", err)
		}
		got := make([]byte, 8)
		if err := s.ReadRange(t.Context(), store.Ref{Key: "stands"}, 0, got); err != nil || string(got) != "precious" {
			t.Errorf("the blob is %q, %v", got, err)
		}
	})
}

func TestCopiedBlockAndLeftoverBlocks(t *testing.T) {
	c, s := raw(t, azure.Options{})
	src, err := s.Put(t.Context(), "from", []byte("some bytes"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.CreateUpload(t.Context(), "to", store.UploadOptions{Size: 5, CopiesParts: true})
	if err != nil {
		t.Fatal(err)
	}
	stage(t, c.NewBlockBlobClient("to"), "0001")
	p, err := s.CopyPart(t.Context(), u, store.PartCopy{Number: 1, Size: 5, Source: src.Ref(), SourceOffset: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, []store.Part{p}, store.CompleteOptions{Condition: store.IfAbsent(), Size: 5}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if err := s.ReadRange(t.Context(), store.Ref{Key: "to"}, 0, got); err != nil || string(got) != "bytes" {
		t.Errorf("got %q, %v", got, err)
	}
}

// finishOne uploads one part, with something happening after the upload began.
func finishOne(t *testing.T, s *azure.Store, key string, between func()) {
	t.Helper()
	u, err := s.CreateUpload(t.Context(), key, store.UploadOptions{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	if between != nil {
		between()
	}
	p, err := s.UploadPart(t.Context(), u, input(1, 0, "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, []store.Part{p}, store.CompleteOptions{Condition: store.IfAbsent(), Size: 5}); err != nil {
		t.Fatal(err)
	}
}

func TestAbortSparesOthers(t *testing.T) {
	_, s := raw(t, azure.Options{})
	var uploads []store.Upload
	var held []store.Part
	for i := range 2 {
		u, err := s.CreateUpload(t.Context(), "shared", store.UploadOptions{Size: 5})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.UploadPart(t.Context(), u, input(1, 0, fmt.Sprintf("byte%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		uploads, held = append(uploads, u), append(held, p)
	}
	if us, err := s.ListUploads(t.Context(), "sha"); err != nil || len(us) != 2 {
		t.Errorf("two uploads to one key are listed as %+v, %v", us, err)
	}
	if err := s.AbortUpload(t.Context(), uploads[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), uploads[1], held[1:], store.CompleteOptions{Condition: store.IfAbsent(), Size: 5}); err != nil {
		t.Errorf("the other upload: %v", err)
	}
	if err := s.AbortUpload(t.Context(), uploads[1]); err != nil {
		t.Error(err)
	}
	if o, err := s.Head(t.Context(), "shared"); err != nil || o.Size != 5 {
		t.Errorf("after both aborts: %+v, %v", o, err)
	}
}

func TestAbortThatDiedIsFinished(t *testing.T) {
	c, s := raw(t, azure.Options{})
	u, err := s.CreateUpload(t.Context(), "died", store.UploadOptions{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	// What AbortUpload leaves if it is killed between its two writes.
	_, err = c.NewBlockBlobClient("died").CommitBlockList(t.Context(), nil, &blockblob.CommitBlockListOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr("application/vnd.datagravity.aborted; upload=" + u.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	us, err := s.ListUploads(t.Context(), "")
	if err != nil || len(us) != 1 || us[0].ID != u.ID || us[0].Key != "died" {
		t.Fatalf("listed: %+v, %v", us, err)
	}
	if err := s.AbortUpload(t.Context(), us[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context(), "died"); store.KindOf(err) != store.ErrNotFound {
		t.Errorf("it is still there: %v", err)
	}
}

func TestPartSentTwiceWithOtherBytes(t *testing.T) {
	_, s := raw(t, azure.Options{})
	u, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UploadPart(t.Context(), u, input(1, 0, "wrong")); err != nil {
		t.Fatal(err)
	}
	right, err := s.UploadPart(t.Context(), u, input(1, 0, "right"))
	if err != nil {
		t.Fatal(err)
	}
	if held, err := s.ListParts(t.Context(), u, nil); err != nil || len(held) != 0 {
		t.Errorf("without a record: %+v, %v", held, err)
	}
	held, err := s.ListParts(t.Context(), u, []store.Part{right})
	if err != nil || len(held) != 1 || held[0] != right {
		t.Fatalf("with a record: %+v, %v", held, err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, held, store.CompleteOptions{Condition: store.IfAbsent(), Size: 5}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if err := s.ReadRange(t.Context(), store.Ref{Key: "k"}, 0, got); err != nil || string(got) != "right" {
		t.Errorf("got %q, %v", got, err)
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

func TestKeyFromAFile(t *testing.T) {
	u, err := url.Parse(emutest.Bucket(t, emutest.Azurite(t)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(os.Getenv("AZURE_STORAGE_KEY")+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_STORAGE_KEY", "")
	t.Setenv("AZURE_STORAGE_KEY_FILE", path)
	s, err := azure.Open(t.Context(), u, azure.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Error(err)
	}
}

func TestSASAndConnectionString(t *testing.T) {
	server := emutest.Azurite(t)
	c, _ := raw(t, azure.Options{})
	account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	full, err := c.GetSASURL(sas.ContainerPermissions{Read: true, List: true, Write: true, Create: true, Delete: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := url.Parse(full)
	if err != nil {
		t.Fatal(err)
	}
	name := signed.Path[strings.LastIndexByte(signed.Path, '/')+1:]
	sig := signed.Query().Get("sig")
	at, err := url.Parse(server.StoreURL(name))
	if err != nil {
		t.Fatal(err)
	}
	bare := &url.URL{Scheme: "azblob", Host: name}
	for what, open := range map[string]struct {
		u *url.URL
		o azure.Options
	}{
		"SAS token":             {at, azure.Options{SASToken: "?" + signed.RawQuery}},
		"connection string":     {bare, azure.Options{ConnectionString: "AccountName=" + account + ";AccountKey=" + key + ";BlobEndpoint=" + server.Endpoint + ";"}},
		"connection string SAS": {bare, azure.Options{ConnectionString: "SharedAccessSignature=" + signed.RawQuery + ";BlobEndpoint=" + server.Endpoint}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("AZURE_STORAGE_KEY", "")
			if open.u == bare {
				t.Setenv("AZURE_STORAGE_ACCOUNT", "")
			}
			s, err := azure.Open(t.Context(), open.u, open.o)
			if err != nil {
				t.Fatal(err)
			}
			o, err := s.Put(t.Context(), "a b", []byte("x"), store.WriteOptions{Condition: store.Always()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Copy(t.Context(), "copy of "+what, o.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
				t.Error(err)
			}
			up, err := s.CreateUpload(t.Context(), "assembled by "+what, store.UploadOptions{Size: 1, CopiesParts: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.CopyPart(t.Context(), up, store.PartCopy{Number: 1, Size: 1, Source: o.Ref()}); err != nil {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), o.Ref()); err != nil {
				t.Error(err)
			}
			err = s.ReadRange(t.Context(), store.Ref{Key: o.Key}, 0, make([]byte, 1))
			if store.KindOf(err) != store.ErrNotFound {
				t.Errorf("got %v", err)
			}
			for _, text := range []string{err.Error(), s.URL(), fmt.Sprintf("%+v", errors.Unwrap(err))} {
				if strings.Contains(text, sig) || strings.Contains(text, url.QueryEscape(sig)) || strings.Contains(text, key) {
					t.Errorf("shows a secret: %s", text)
				}
			}
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		_, err := azure.Open(t.Context(), at, azure.Options{AccountKey: "d3Jvbmc="})
		if store.KindOf(err) != store.ErrAuth {
			t.Errorf("got %v", err)
		}
	})
	t.Run("missing container", func(t *testing.T) {
		u := *at
		u.Host = "no-such-container"
		_, err := azure.Open(t.Context(), &u, azure.Options{})
		if store.KindOf(err) != store.ErrNotFound || !strings.Contains(err.Error(), "az storage container create") {
			t.Errorf("got %v", err)
		}
	})
}
