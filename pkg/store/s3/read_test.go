package s3

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// TestReadRangeAnswers is of answers that a well-behaved server never gives.
func TestReadRangeAnswers(t *testing.T) {
	body := []byte("0123456789")
	for _, c := range []struct {
		name, contentRange, etag string
		status, length, sends    int
		off                      int64
		want                     error
	}{
		{"exact", "bytes 5-14/20", "e", 206, 10, 10, 5, nil},
		{"whole object without a range", "", "e", 200, 10, 10, 0, nil},
		{"ignores the range", "", "e", 200, 10, 10, 5, store.ErrPermanent},
		{"another range", "bytes 0-9/20", "e", 206, 10, 10, 5, store.ErrPermanent},
		{"shorter range", "bytes 5-9/10", "e", 206, 5, 5, 5, store.ErrPermanent},
		{"body ends early", "bytes 5-14/20", "e", 206, 10, 4, 5, store.ErrTransient},
		{"ignores the pin", "bytes 5-14/20", "other", 206, 10, 10, 5, store.ErrChanged},
		{"range that says nothing", "bytes", "e", 206, 10, 10, 5, store.ErrIntegrity},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t, &double{})
			s := d.open(t)
			d.answer("GetObject", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") == "" || r.Header.Get("If-Match") != `"e"` {
					t.Errorf("sent %v", r.Header)
				}
				w.Header().Set("ETag", strconv.Quote(c.etag))
				if c.contentRange != "" {
					w.Header().Set("Content-Range", c.contentRange)
				}
				w.Header().Set("Content-Length", strconv.Itoa(c.length))
				w.WriteHeader(c.status)
				_, _ = w.Write(body[:c.sends])
			})
			p := make([]byte, 10)
			err := s.ReadRange(t.Context(), store.Ref{Key: "k", ETag: "e"}, c.off, p)
			if store.KindOf(err) != c.want {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && !bytes.Equal(p, body) {
				t.Errorf("read %q", p)
			}
		})
	}
}

// TestReadKeepsConnections: a part read to its last byte leaves its connection to the next one.
func TestReadKeepsConnections(t *testing.T) {
	s := openServer(t)
	big := bytes.Repeat([]byte("abcdefgh"), 1<<17)
	o := mustPut(t, s, "big", big)
	p := make([]byte, 1<<18)
	var dialled atomic.Int64
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !c.Reused {
			dialled.Add(1)
		}
	}})
	for range 20 {
		if err := s.ReadRange(ctx, o.Ref(), 1<<18, p); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(p, big[1<<18:1<<19]) {
		t.Error("read other bytes")
	}
	if n := dialled.Load(); n > 1 {
		t.Errorf("%d connections for 20 reads one after the other", n)
	}
}

func TestOddKeys(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	s.capabilities.Names = store.NameRules{MaxBytes: 1024, InvalidUTF8: true} // as on AWS
	for _, key := range []string{
		"a//b", "./a", "a/../b", "../up", "/leading", "trailing/", "a/./b", "sp ace", "pl+us", "per%cent", "%2F", "ques?tion",
		"ha#sh", "a=b&c", "tilde~", "snow☃man", "co:lon", "semi;colon", "quo'te\"", "new\nline", "back\\slash", "\x01", "(*)!",
	} {
		b := []byte("content of " + key)
		if _, err := s.Put(t.Context(), key, b, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Errorf("put %q: %v", key, err)
			continue
		}
		if o := d.objects[key]; o == nil || !bytes.Equal(o.data, b) {
			t.Errorf("%q arrived as %q", key, d.rawPaths[len(d.rawPaths)-1])
		}
	}
}

func TestNamesElsewhere(t *testing.T) {
	d := newDouble(t, &double{})
	s := d.open(t)
	before := len(d.requests)
	for _, key := range []string{"", "a//b", "./a", "a/../b", "/a", "a/", "\x01", "\xff", string(make([]byte, 2000))} {
		_, head := s.Head(t.Context(), key)
		_, put := s.Put(t.Context(), key, nil, store.WriteOptions{Condition: store.IfAbsent()})
		_, copied := s.Copy(t.Context(), "ok", store.Ref{Key: key}, store.WriteOptions{Condition: store.IfAbsent()})
		for _, err := range []error{head, put, copied, s.Delete(t.Context(), store.Ref{Key: key}), s.ReadRange(t.Context(), store.Ref{Key: key}, 0, make([]byte, 1))} {
			if !errors.Is(err, store.ErrName) {
				t.Errorf("%q: got %v, want %v", key, err, store.ErrName)
			}
		}
	}
	if n := len(d.requests) - before; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
