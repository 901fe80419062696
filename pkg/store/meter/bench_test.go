package meter_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/meter"
)

// BenchmarkBuffers moves 64 MiB a round over loopback TLS and plain, in ranges of 8 MiB read whole, and in uploads from
// memory and from a stream, with buffers of several sizes. cpu-ms/op is the whole process, the server's half included.
func BenchmarkBuffers(b *testing.B) {
	const size, rangeBytes = 64 << 20, 8 << 20
	payload := make([]byte, rangeBytes)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 1<<20))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(rangeBytes))
		w.Write(payload)
	})
	for _, secure := range []bool{false, true} {
		for _, buffer := range []int{4 << 10, 64 << 10, 256 << 10, 1 << 20} {
			for _, way := range []string{"download", "upload-memory", "upload-stream"} {
				b.Run(fmt.Sprintf("tls=%v/%dKiB/%s", secure, buffer>>10, way), func(b *testing.B) {
					s := httptest.NewUnstartedServer(h)
					o := meter.Options{BufferBytes: buffer}
					if secure {
						s.StartTLS()
						o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
					} else {
						s.Start()
					}
					defer s.Close()
					client := meter.NewClient(o)
					defer client.CloseIdleConnections()
					into := make([]byte, rangeBytes)
					b.SetBytes(size)
					start := cpu()
					for b.Loop() {
						for range size / rangeBytes {
							move(b, client, way, s.URL, payload, into)
						}
					}
					b.ReportMetric(float64(cpu()-start)/1e6/float64(b.N), "cpu-ms/op")
				})
			}
		}
	}
}

func move(b *testing.B, client *http.Client, way, url string, payload, into []byte) {
	var body io.Reader
	method := "GET"
	switch way {
	case "upload-memory":
		method, body = "PUT", bytes.NewReader(payload)
	case "upload-stream":
		method, body = "PUT", struct{ io.Reader }{bytes.NewReader(payload)}
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		b.Fatal(err)
	}
	if body != nil {
		req.ContentLength = int64(len(payload))
	}
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if method == "GET" {
		if _, err := io.ReadFull(resp.Body, into); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the process's user and system time in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
