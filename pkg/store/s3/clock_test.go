package s3

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
)

// elsewhen signs every request anew, as on a machine whose clock is off.
type elsewhen struct {
	off time.Duration
	key aws.Credentials
}

func (e *elsewhen) RoundTrip(q *http.Request) (*http.Response, error) {
	if e.off != 0 {
		q = q.Clone(q.Context())
		q.Header.Del("Authorization")
		err := v4.NewSigner().SignHTTP(q.Context(), e.key, q, q.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now().Add(e.off))
		if err != nil {
			return nil, err
		}
	}
	return http.DefaultTransport.RoundTrip(q)
}

// aws-cli #1065, s3fs #1042: what a real server says of a request that was signed on a machine whose clock is off is told as that.
func TestClockThatIsOff(t *testing.T) {
	server := emutest.S3(t)
	e := &elsewhen{key: aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}}
	s := open(t, emutest.Bucket(t, server), Options{HTTPClient: &http.Client{Transport: e}})
	o, err := s.Put(t.Context(), "a", []byte("content"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
		e.off = off
		_, head := s.Head(t.Context(), "a")
		_, put := s.Put(t.Context(), "b", []byte("content"), store.WriteOptions{Condition: store.IfAbsent()})
		_, list := s.List(t.Context(), store.ListOptions{})
		for what, err := range map[string]error{"head": head, "put": put, "list": list, "read": s.ReadRange(t.Context(), o.Ref(), 0, make([]byte, 7))} {
			if !errors.Is(err, store.ErrAuth) || !strings.Contains(err.Error(), "clock") {
				t.Errorf("%v off: %s: %v; want that the clock is to be mended", off, what, err)
			}
		}
		e.off = 0
		if _, err := s.Head(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v off: what was refused is there: %v", off, err)
		}
	}
	e.off = time.Minute
	if _, err := s.Head(t.Context(), "a"); err != nil {
		t.Errorf("a minute is no skew: %v", err)
	}
}
