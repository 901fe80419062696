package netem

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Refuser is an [HTTPProxy] that answers some of the requests itself, with 503, as a service does that is asked too much: half of
// these with Retry-After: 1.
type Refuser struct {
	*HTTPProxy
	o RefuserOptions

	mu     sync.Mutex
	random *rand.Rand
	until  time.Time
	count  Refusals
	parts  map[string]bool
}

// RefuserOptions of [StartRefuser].
type RefuserOptions struct {
	// Seed chooses the requests that are refused, by the order in which they come.
	Seed uint64
	// Share of the requests that is refused, 0 to 1.
	Share float64
	// During from the first request on; 0: always.
	During time.Duration
	// Part names what a request brings or asks for, such as a part of an object, "" for anything else: each request for it is an attempt.
	Part func(*http.Request) string
	// Answer writes headers and body in the service's own words, after the status; without a body: [S3Busy].
	Answer Busy
}

// Busy is how a service says that it is asked too much.
type Busy struct {
	Header http.Header
	Body   string
}

// The answers of the two services.
var (
	S3Busy    = Busy{http.Header{"Content-Type": {"application/xml"}}, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`}
	AzureBusy = Busy{
		http.Header{"Content-Type": {"application/xml"}, "X-Ms-Error-Code": {"ServerBusy"}},
		`<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>Egress is over the account limit.</Message></Error>`,
	}
)

// Refusals are what a [Refuser] counted.
type Refusals struct {
	Requests, Refused int64
	// Attempts are the requests for parts, refused or not, and Parts how many different ones they were for.
	Attempts, Parts int64
}

// StartRefuser opens a refuser in front of upstream, a host:port, on 127.0.0.1.
func StartRefuser(upstream string, o RefuserOptions) (r *Refuser, err error) {
	if o.Part == nil {
		o.Part = func(*http.Request) string { return "" }
	}
	if o.Answer.Body == "" {
		o.Answer = S3Busy
	}
	r = &Refuser{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), parts: map[string]bool{}}
	r.HTTPProxy, err = StartHTTP(upstream, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if refused, wait := r.choose(q); refused {
				r.refuse(w, q, wait)
				return
			}
			next.ServeHTTP(w, q)
		})
	})
	return r, err
}

func (r *Refuser) refuse(w http.ResponseWriter, q *http.Request, wait bool) {
	// The body is read, so that the connection stays good and the answer is seen.
	if _, err := io.Copy(io.Discard, q.Body); err != nil {
		return
	}
	if wait {
		w.Header().Set("Retry-After", "1")
	}
	for name, values := range r.o.Answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	if q.Method != http.MethodHead {
		_, _ = io.WriteString(w, r.o.Answer.Body)
	}
}

// choose counts a request and tells whether it is refused, and whether the answer names a time to wait.
func (r *Refuser) choose(q *http.Request) (refused, wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.until.IsZero() {
		r.until = now.Add(r.o.During)
	}
	r.count.Requests++
	if part := r.o.Part(q); part != "" {
		r.count.Attempts++
		r.parts[part] = true
	}
	over := r.o.During > 0 && now.After(r.until)
	if over || r.random.Float64() >= r.o.Share {
		return false, false
	}
	r.count.Refused++
	return true, r.random.IntN(2) == 0
}

// Counts so far.
func (r *Refuser) Counts() Refusals {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.count
	c.Parts = int64(len(r.parts))
	return c
}

// UploadedPart names the part that an S3 request uploads, or the whole object that it puts: the key and the part's number. Copies bring
// nothing, and records of our own are no part of a dataset.
func UploadedPart(q *http.Request) string {
	if q.Method != http.MethodPut || q.Header.Get("X-Amz-Copy-Source") != "" || strings.Contains(q.URL.Path, "/.datagravity/") {
		return ""
	}
	return q.URL.Path + " " + q.URL.Query().Get("partNumber")
}

// ReadRange names the range that a request asks for.
func ReadRange(q *http.Request) string {
	asked := q.Header.Get("Range")
	if asked == "" {
		asked = q.Header.Get("X-Ms-Range")
	}
	if q.Method != http.MethodGet || strings.TrimSpace(asked) == "" {
		return ""
	}
	return q.URL.Path + " " + asked
}
