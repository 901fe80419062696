package meter_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

func fetch(client *http.Client, method, url string) (int64, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

func trickle(w http.ResponseWriter, r *http.Request, size int, every time.Duration, times int) {
	for range times {
		if _, err := w.Write(make([]byte, size)); err != nil || r.Context().Err() != nil {
			return
		}
		w.(http.Flusher).Flush()
		time.Sleep(every)
	}
}

func TestTrickleIsCut(t *testing.T) {
	o := meter.Options{StallBytes: 10000, StallWindow: 200 * time.Millisecond}
	client, url, _ := serve(t, false, o, func(w http.ResponseWriter, r *http.Request) {
		trickle(w, r, 1, 10*time.Millisecond, 1000)
	})
	start := time.Now()
	n, err := fetch(client, "GET", url)
	var stall *meter.StallError
	if !errors.As(err, &stall) || !errors.Is(err, store.ErrTransient) {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
	if d := time.Since(start); d < 200*time.Millisecond || d > 5*time.Second {
		t.Errorf("cut after %v", d)
	}
}

func TestSilenceIsCut(t *testing.T) {
	o := meter.Options{StallBytes: 10000, StallWindow: 100 * time.Millisecond}
	client, url, _ := serve(t, false, o, func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 100000))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	// The first window moves enough and is followed by a silent one.
	n, err := fetch(client, "GET", url)
	var stall *meter.StallError
	if n != 100000 || !errors.As(err, &stall) || stall.Bytes != 0 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestSlowButMovingIsLeftAlone(t *testing.T) {
	o := meter.Options{StallBytes: 1000, StallWindow: 500 * time.Millisecond}
	client, url, _ := serve(t, false, o, func(w http.ResponseWriter, r *http.Request) {
		trickle(w, r, 1000, 20*time.Millisecond, 60)
	})
	if n, err := fetch(client, "GET", url); n != 60000 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestSlowConsumerIsNotBlamed(t *testing.T) {
	o := meter.Options{StallBytes: 1 << 20, StallWindow: 50 * time.Millisecond}
	client, url, _ := serve(t, false, o, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 3000)) })
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for range 3 {
		if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want the end of the body", err)
	}
}

// S3 keeps the answer to a long completion alive with one space now and again.
func TestKeepAliveSpacesOfALongPostAreNoStall(t *testing.T) {
	o := meter.Options{StallBytes: 10000, StallWindow: 200 * time.Millisecond}
	client, url, _ := serve(t, false, o, func(w http.ResponseWriter, r *http.Request) {
		trickle(w, r, 1, 50*time.Millisecond, 30)
	})
	if n, err := fetch(client, "POST", url); n != 30 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestStalledUploadIsCut(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		release := make(chan struct{})
		o := meter.Options{StallBytes: 10000, StallWindow: 300 * time.Millisecond}
		client, url, _ := serve(t, secure, o, func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 1000))
			<-release // reads no further
		})
		defer close(release)
		_, err := client.Post(url, "", io.LimitReader(endless{}, 64<<20))
		var stall *meter.StallError
		if !errors.As(err, &stall) || !stall.Sending || !strings.Contains(err.Error(), "sent in") {
			t.Errorf("got %v", err)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSlowUploadIsLeftAlone(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		const size = 8 << 20 // more than sockets hold
		o := meter.Options{StallBytes: 1000, StallWindow: 300 * time.Millisecond}
		client, url, c := serve(t, secure, o, func(w http.ResponseWriter, r *http.Request) {
			n, buf := int64(0), make([]byte, 256<<10)
			for {
				m, err := io.ReadFull(r.Body, buf)
				n += int64(m)
				if err != nil {
					break
				}
				time.Sleep(30 * time.Millisecond)
			}
			if n != size {
				t.Errorf("the server read %d bytes, want %d", n, size)
			}
		})
		var u store.Usage
		do(t, client, &u, "PUT", url, make([]byte, size))
		settled(t, "a slow upload", u.Sent.Load(), u.Received.Load(), c)
	})
}
