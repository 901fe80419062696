package file

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

var errCrash = errors.New("the power went")

// sent is an upload of two parts, complete but for its name.
func sent(t *testing.T, s *Store, key string) (store.Upload, []store.Part, store.CompleteOptions) {
	t.Helper()
	body := make([]byte, 3<<20)
	for i := range body {
		body[i] = byte(i*7 + i>>9)
	}
	u, err := s.CreateUpload(t.Context(), key, store.UploadOptions{Size: int64(len(body))})
	if err != nil {
		t.Fatal(err)
	}
	var parts []store.Part
	for i, off := range []int{0, 2 << 20} {
		b := body[off:min(off+2<<20, len(body))]
		p, err := s.UploadPart(t.Context(), u, store.PartInput{Number: i + 1, Offset: int64(off), Data: b,
			CRC64NVME: crc64nvme.Checksum(b), CRC32C: crc32.Checksum(b, castagnoli)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	return u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body)), Checksums: checksumsOf(body)}
}

func TestCrashBeforeTheFinalName(t *testing.T) {
	s, dir := open(t)
	u, parts, o := sent(t, s, "a/shard.tar")
	s.link = func(string, string) error {
		if _, err := os.Lstat(filepath.Join(dir, "a/shard.tar")); err == nil {
			t.Error("the final name is there before the one step that may make it")
		}
		return errCrash
	}
	if _, err := s.CompleteUpload(t.Context(), u, parts, o); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	after := reopen(t, dir)
	if _, err := after.Head(t.Context(), u.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("head after a crash before the final name: %v", err)
	}
	held, err := after.ListParts(t.Context(), u, parts)
	if err != nil || len(held) != 2 {
		t.Fatalf("parts after the crash: %v, %v", held, err)
	}
	if _, err := after.CompleteUpload(t.Context(), u, held, o); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", "a", "a/shard.tar")
}

func TestCrashAfterTheFinalName(t *testing.T) {
	s, dir := open(t)
	u, parts, o := sent(t, s, "a/shard.tar")
	s.link = func(from, to string) error {
		if err := s.root.Link(from, to); err != nil {
			t.Error(err)
		}
		return errCrash
	}
	if _, err := s.CompleteUpload(t.Context(), u, parts, o); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", dataFile(u.ID), jsonFile(u.ID), "a", "a/shard.tar")
	after := reopen(t, dir)
	made, err := after.CompleteUpload(t.Context(), u, parts, o)
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", "a", "a/shard.tar")
	if now, err := after.Head(t.Context(), u.Key); err != nil || now.ETag != made.ETag || made.Checksums != o.Checksums {
		t.Errorf("completed as %+v, head says %+v, %v", made, now, err)
	}
}

// A crash after rename, before the description is gone, must not leave an upload that cannot be finished.
func TestCrashAfterReplacing(t *testing.T) {
	s, dir := open(t)
	old, err := s.Put(t.Context(), "k", []byte("old"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	u, parts, o := sent(t, s, "k")
	o.Condition = store.IfMatch(old.ETag)
	description, err := os.ReadFile(filepath.Join(dir, jsonFile(u.ID)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.CompleteUpload(t.Context(), u, parts, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, jsonFile(u.ID)), description, 0o666); err != nil {
		t.Fatal(err)
	}
	second, err := reopen(t, dir).CompleteUpload(t.Context(), u, parts, o)
	if err != nil || second.ETag != first.ETag {
		t.Errorf("again: %+v, %v; first: %+v", second, err, first)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", ".datagravity/uploads/lock", "k")
}

func TestDamageOfTheTemporaryFile(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut off":            func(p string) error { return os.Truncate(p, 1<<20) },
		"cut and regrown":    func(p string) error { return errors.Join(os.Truncate(p, 5<<19), os.Truncate(p, 3<<20)) },
		"one byte of part 2": func(p string) error { return flip(p, 5<<19) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			u, parts, o := sent(t, s, "shard")
			if err := damage(filepath.Join(dir, dataFile(u.ID))); err != nil {
				t.Fatal(err)
			}
			// By the checksum of the whole, by those of the parts, and by either.
			bare := []store.Part{{Number: 1, Size: parts[0].Size}, {Number: 2, Offset: parts[1].Offset, Size: parts[1].Size}}
			partsOnly := o
			partsOnly.Checksums = store.Checksums{}
			for _, try := range []struct {
				parts []store.Part
				o     store.CompleteOptions
			}{{parts, o}, {bare, o}, {parts, partsOnly}} {
				if _, err := s.CompleteUpload(t.Context(), u, try.parts, try.o); !errors.Is(err, store.ErrIntegrity) {
					t.Errorf("complete: %v", err)
				}
				if _, err := s.Head(t.Context(), "shard"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("head: %v", err)
				}
			}
			held, err := s.ListParts(t.Context(), u, parts)
			if err != nil || len(held) > 1 {
				t.Errorf("parts confirmed after damage: %+v, %v", held, err)
			}
			if _, err := s.CompleteUpload(t.Context(), u, bare, partsOnly); !errors.Is(err, store.ErrPermanent) {
				t.Errorf("complete with nothing to prove it by: %v", err)
			}
		})
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	return err
}

func TestAbandonedFilesAreSwept(t *testing.T) {
	s, dir := open(t)
	u, _, _ := sent(t, s, "kept")
	orphans := []string{uploadsPrefix + "put-0123.tmp", dataFile(newID()), jsonFile(newID())}
	for _, name := range orphans {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{torn"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	kept := []string{".datagravity", ".datagravity/uploads", dataFile(u.ID), jsonFile(u.ID)}
	for _, step := range []struct {
		age  time.Duration
		want []string
	}{{time.Hour, append(orphans, kept...)}, {25 * time.Hour, kept}} {
		s.now = func() time.Time { return time.Now().Add(step.age) }
		us, err := s.ListUploads(t.Context(), "")
		if err != nil || len(us) != 1 || us[0].ID != u.ID || us[0].Key != "kept" {
			t.Errorf("after %v: %+v, %v", step.age, us, err)
		}
		wantNames(t, dir, step.want...)
	}
}

func TestUploadIDsNameNothingElse(t *testing.T) {
	s, dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte(`{"key":"aw=="}`), 0o666); err != nil {
		t.Fatal(err)
	}
	u := store.Upload{Key: "k", ID: "../../x"}
	if _, err := s.ListParts(t.Context(), u, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("list parts: %v", err)
	}
	if err := s.AbortUpload(t.Context(), u); err != nil {
		t.Errorf("abort: %v", err)
	}
	wantNames(t, dir, "x.json")
}
