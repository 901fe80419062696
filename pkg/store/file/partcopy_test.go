package file

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// TestCopyOfASourceThatIsCutShort: the copy ends early, and the reason is the change.
func TestCopyOfASourceThatIsCutShort(t *testing.T) {
	s, dir := open(t)
	o, err := s.Put(t.Context(), "from", []byte("some bytes"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	from, pinned, err := s.open(o.Ref())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := os.Truncate(filepath.Join(dir, "from"), 3); err != nil {
		t.Fatal(err)
	}
	err = s.wrap("part-copy", "to", copyPinned(t.Context(), to, from, pinned, store.PartCopy{Number: 1, Size: 10}))
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("got %v, want %v", err, store.ErrChanged)
	}
}

// TestCopiedPartThatACrashLost: a copied part waits for no disk. After a crash it is not confirmed, and one that is not there as it was is never placed.
func TestCopiedPartThatACrashLost(t *testing.T) {
	s, dir := open(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	o, err := s.Put(t.Context(), "from", body, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.CreateUpload(t.Context(), "to", store.UploadOptions{Size: int64(len(body)), CopiesParts: true})
	if err != nil {
		t.Fatal(err)
	}
	half := int64(len(body) / 2)
	sent := store.PartInput{Number: 1, Data: body[:half], CRC64NVME: crc64nvme.Checksum(body[:half]), CRC32C: crc32.Checksum(body[:half], castagnoli)}
	first, err := s.UploadPart(t.Context(), u, sent)
	if err != nil {
		t.Fatal(err)
	}
	copying := store.PartCopy{Number: 2, Offset: half, Size: half, Source: o.Ref(), SourceOffset: half}
	second, err := s.CopyPart(t.Context(), u, copying)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.OpenFile(filepath.Join(dir, dataFile(u.ID)), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if _, err := data.WriteAt(make([]byte, 4096), half+4096); err != nil { // what never reached the disk
		t.Fatal(err)
	}
	after := reopen(t, dir)
	held, err := after.ListParts(t.Context(), u, []store.Part{first, second})
	if err != nil || len(held) != 1 || held[0].Number != 1 {
		t.Fatalf("parts after the crash: %+v, %v; want the one that was sent", held, err)
	}
	complete := store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body)), Checksums: checksumsOf(body)}
	if _, err := after.CompleteUpload(t.Context(), u, []store.Part{first, second}, complete); !errors.Is(err, store.ErrIntegrity) {
		t.Fatalf("a file with a hole was placed: %v", err)
	}
	if _, err := after.CopyPart(t.Context(), u, copying); err != nil {
		t.Fatal(err)
	}
	if made, err := after.CompleteUpload(t.Context(), u, []store.Part{first, second}, complete); err != nil || made.Checksums != checksumsOf(body) {
		t.Fatalf("after it was copied again: %+v, %v", made, err)
	}
}
