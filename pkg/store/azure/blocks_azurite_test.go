package azure_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
)

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
