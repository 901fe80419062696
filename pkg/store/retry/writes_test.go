package retry_test

import (
	"context"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/retry"
)

func crc64(s string) uint64 { return crc64nvme.Checksum([]byte(s)) }

func crc32c(s string) uint32 {
	return crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli))
}

func partOf(data string) store.PartInput {
	return store.PartInput{Number: 1, Data: []byte(data), CRC64NVME: crc64(data), CRC32C: crc32c(data)}
}

func complete(data string) store.CompleteOptions {
	return store.CompleteOptions{
		Condition: store.IfAbsent(), Size: int64(len(data)),
		Checksums: store.Checksums{CRC64NVME: store.Hex64(crc64(data)), CRC32C: store.Hex32(crc32c(data))},
	}
}

func TestLostAnswerOfAPutIsRecognisedWithoutSendingAgain(t *testing.T) {
	for name, condition := range map[string]func(store.Object) store.Condition{
		"if-absent": func(store.Object) store.Condition { return store.IfAbsent() },
		"if-match":  func(o store.Object) store.Condition { return store.IfMatch(o.ETag) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mem.New(mem.Options{})
				var before store.Object
				if name == "if-match" {
					before = put(t, m, "k", "earlier")
				}
				s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.After, Op: "put", Key: "k", Nth: 1})
				o, err := s.Put(t.Context(), "k", []byte("payload"), store.WriteOptions{Condition: condition(before)})
				if err != nil || o.Size != 7 || o.ETag == before.ETag {
					t.Fatalf("%+v, %v", o, err)
				}
				if n := m.Stats()["put"].SentBytes - before.Size; n != 7 {
					t.Errorf("%d bytes sent, want 7: the body went twice", n)
				}
				if got := s.Counters(); got.Recovered != 1 {
					t.Errorf("%+v", got)
				}
				f.VerifyAllHit(t)
			})
		})
	}
}

// late is a store whose first put is answered with a failure and takes effect only as the second one arrives.
type late struct {
	store.Store
	pending func()
	puts    int
}

func (l *late) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if l.puts++; l.puts == 1 {
		l.pending = func() { l.Store.Put(ctx, key, data, o) }
		return store.Object{}, &store.Error{Op: "put", Key: key, Kind: store.ErrTransient}
	}
	l.pending()
	return l.Store.Put(ctx, key, data, o)
}

func TestConflictWithOurOwnLateWriteIsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		s := retry.Wrap(&late{Store: m}, retry.Policy{}).(*retry.Store)
		o := put(t, s, "k", "payload")
		now, err := m.Head(t.Context(), "k")
		if err != nil || now.ETag != o.ETag {
			t.Errorf("returned %+v, holds %+v, %v", o, now, err)
		}
		if got := s.Counters(); got.Recovered != 1 || got.Transient != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestConflictWithAnotherWriterStaysOne(t *testing.T) {
	for name, c := range map[string]struct {
		others string
		keeps  []string // checksums that the store keeps
		why    string
	}{
		"other size":     {"someone else's", nil, "bytes, we sent 7"},
		"other checksum": {"PAYLOAD", nil, "its checksum differs"},
		"no checksum":    {"payload", []string{}, "keeps no checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mem.New(mem.Options{ObjectChecksums: c.keeps})
				s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.Before, Op: "put", Nth: 1})
				ctx := store.WithAttempt(t.Context(), func(context.Context, error) error {
					put(t, m, "k", c.others) // the other writer comes between the attempts
					return nil
				})
				_, err := s.Put(ctx, "k", []byte("payload"), store.WriteOptions{Condition: store.IfAbsent()})
				if store.KindOf(err) != store.ErrConflict || !strings.Contains(err.Error(), c.why) {
					t.Errorf("got %v, want a conflict because %q", err, c.why)
				}
				if got := s.Counters(); got.Recovered != 0 {
					t.Errorf("%+v", got)
				}
				f.VerifyAllHit(t)
			})
		})
	}
}

// A conflict at the first attempt is another writer's, even with equal bytes: nothing of ours can have happened.
func TestConflictAtOnceIsNotOurs(t *testing.T) {
	m := mem.New(mem.Options{})
	put(t, m, "k", "payload")
	s, _ := wrap(m, retry.Policy{})
	_, err := s.Put(t.Context(), "k", []byte("payload"), store.WriteOptions{Condition: store.IfAbsent()})
	if store.KindOf(err) != store.ErrConflict || s.Counters().Attempts != 1 {
		t.Errorf("%v after %d attempts", err, s.Counters().Attempts)
	}
}

// A request that was provably not sent cannot have happened, so a later conflict is another writer's.
func TestNotSentLeavesNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.Before, Op: "put", Nth: 1, NotSent: true})
		ctx := store.WithAttempt(t.Context(), func(context.Context, error) error {
			put(t, m, "k", "payload")
			return nil
		})
		_, err := s.Put(ctx, "k", []byte("payload"), store.WriteOptions{Condition: store.IfAbsent()})
		if store.KindOf(err) != store.ErrConflict || s.Counters().Recovered != 0 {
			t.Errorf("%v, %+v", err, s.Counters())
		}
		if n := m.Stats()["head"].Requests; n != 0 {
			t.Errorf("%d looks, want none", n)
		}
		f.VerifyAllHit(t)
	})
}

func TestLostAnswerOfACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		src := put(t, m, "src", "payload")
		s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.After, Op: "copy", Nth: 1})
		o, err := s.Copy(t.Context(), "dst", src.Ref(), store.WriteOptions{Condition: store.IfAbsent()})
		if err != nil || o.Key != "dst" || o.Size != 7 || s.Counters().Recovered != 1 {
			t.Errorf("%+v, %v, %+v", o, err, s.Counters())
		}
		f.VerifyAllHit(t)
	})
}

func TestCopyIsNotProvenByASourceThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		src := put(t, m, "src", "payload")
		s, _ := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.After, Op: "copy", Nth: 1})
		ctx := store.WithAttempt(t.Context(), func(context.Context, error) error {
			_, err := m.Put(t.Context(), "src", []byte("rewritten"), store.WriteOptions{Condition: store.Always()})
			return err
		})
		_, err := s.Copy(ctx, "dst", src.Ref(), store.WriteOptions{Condition: store.IfAbsent()})
		if store.KindOf(err) != store.ErrConflict || !strings.Contains(err.Error(), "is no longer") {
			t.Errorf("got %v", err)
		}
	})
}

// forgetful completes an upload once and then knows neither the upload nor that it completed it, as S3 does.
type forgetful struct {
	store.Store
	completed bool
	ignorant  bool // heads fail until the second completion is refused
}

func (f *forgetful) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if f.completed {
		f.ignorant = false
		return store.Object{}, &store.Error{Op: "complete", Key: u.Key, Kind: store.ErrNotFound}
	}
	f.completed = true
	if _, err := f.Store.CompleteUpload(ctx, u, parts, o); err != nil {
		return store.Object{}, err
	}
	return store.Object{}, &store.Error{Op: "complete", Key: u.Key, Kind: store.ErrTransient, Err: errors.New("reset")}
}

func (f *forgetful) Head(ctx context.Context, key string) (store.Object, error) {
	if f.ignorant {
		return store.Object{}, &store.Error{Op: "head", Key: key, Kind: store.ErrTransient}
	}
	return f.Store.Head(ctx, key)
}

func TestLostAnswerOfACompletion(t *testing.T) {
	for name, ignorant := range map[string]bool{"seen at the first look": false, "seen after the refusal": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mem.New(mem.Options{})
				s := retry.Wrap(&forgetful{Store: m, ignorant: ignorant}, retry.Policy{}).(*retry.Store)
				u, err := s.CreateUpload(t.Context(), "big", store.UploadOptions{Size: 3})
				if err != nil {
					t.Fatal(err)
				}
				part, err := s.UploadPart(t.Context(), u, partOf("abc"))
				if err != nil {
					t.Fatal(err)
				}
				left := 0
				with := complete("abc")
				with.Left = func() { left++ }
				o, err := s.CompleteUpload(t.Context(), u, []store.Part{part}, with)
				if err != nil || o.Size != 3 || s.Counters().Recovered != 1 {
					t.Errorf("%+v, %v, %+v", o, err, s.Counters())
				}
				if left != 1 { // what made the object may not have come to its end, or have been another's
					t.Errorf("told %d times that something may be left", left)
				}
			})
		})
	}
}

// Where the store keeps no checksum, the backend itself recognises a completed upload by its parts.
func TestCompletionThatNoChecksumProvesIsLeftToTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{ObjectChecksums: []string{}})
		s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.After, Op: "complete", Nth: 1})
		u, err := s.CreateUpload(t.Context(), "big", store.UploadOptions{Size: 3})
		if err != nil {
			t.Fatal(err)
		}
		part, err := s.UploadPart(t.Context(), u, partOf("abc"))
		if err != nil {
			t.Fatal(err)
		}
		if o, err := s.CompleteUpload(t.Context(), u, []store.Part{part}, complete("abc")); err != nil || o.Size != 3 {
			t.Errorf("%+v, %v", o, err)
		}
		if n := m.Stats()["complete"].Requests; n != 2 {
			t.Errorf("%d completions, want 2", n)
		}
		f.VerifyAllHit(t)
	})
}

// A third of all calls fail for a long time; every object still arrives exactly once and whole.
func TestThirtyPercentFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		s, f := wrap(m, retry.Policy{Attempts: 20},
			fault.Rule{Kind: fault.Before, Probability: 0.1},
			fault.Rule{Kind: fault.After, Probability: 0.1},
			fault.Rule{Kind: fault.Throttle, Probability: 0.1},
		)
		for i := range 300 {
			key := "k/" + strings.Repeat("x", i)
			o := put(t, s, key, strings.Repeat("d", i))
			if o.Size != int64(i) {
				t.Fatalf("%s: %+v", key, o)
			}
		}
		page, err := m.List(t.Context(), store.ListOptions{})
		if err != nil || len(page.Objects) != 300 {
			t.Fatalf("%d objects, %v", len(page.Objects), err)
		}
		for _, o := range page.Objects {
			data := strings.Repeat("d", int(o.Size))
			if o.Checksums.CRC64NVME != store.Hex64(crc64(data)) || len(o.Key) != len("k/")+int(o.Size) {
				t.Errorf("%s: %+v", o.Key, o)
			}
		}
		if got := s.Counters(); got.Recovered == 0 || got.Throttled == 0 || got.GaveUp != 0 {
			t.Errorf("%+v", got)
		}
		f.VerifyAllHit(t)
	})
}
