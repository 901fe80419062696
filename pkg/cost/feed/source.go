package feed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/datagravity/datagravity/internal/retryafter"
)

// The bounds of a feed. AWS's largest offer files have some gigabytes; the transfer offer has tens of megabytes. A page of
// Azure's has 1,000 items of a kilobyte, one of Google's 5,000 SKUs of two.
const (
	maxFeedBytes  = int64(8) << 30
	maxPageBytes  = int64(64) << 20
	maxPages      = 5000
	maxValueBytes = 1 << 20
	maxKeptRows   = 500_000
	tries         = 5
)

// input is a source that is read once, with a bound on its whole and on each value in it.
type input struct {
	io.Closer
	r     *bufio.Reader
	name  string // for messages; without the query, which may hold a key
	bound *bounded
}

// bounded reads on while its owner makes progress: reset is called after every value, so that none can be endless.
type bounded struct {
	r     io.Reader
	whole int64 // left of the whole
	max   int64
	value int64 // read since the last reset
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.whole <= 0 {
		return 0, fmt.Errorf("larger than %d MiB; that is not such a feed", b.max>>20)
	}
	if b.value > maxValueBytes {
		return 0, fmt.Errorf("a single value of more than %d KiB", maxValueBytes>>10)
	}
	if int64(len(p)) > b.whole {
		p = p[:b.whole]
	}
	n, err := b.r.Read(p)
	b.whole -= int64(n)
	b.value += int64(n)
	return n, err
}

func (b *bounded) reset() { b.value = 0 }

func newInput(name string, r io.Reader, c io.Closer, max int64) *input {
	b := &bounded{r: r, whole: max, max: max}
	return &input{Closer: c, r: bufio.NewReaderSize(b, 32<<10), name: name, bound: b}
}

// fail names the source and the place.
func (in *input) fail(where string, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("cut off (%w); get the whole of it", err)
	}
	if where == "" {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	return fmt.Errorf("%s: %s: %w", in.name, where, err)
}

func isURL(s string) bool { return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") }

// open opens a file or a URL.
func (c *collector) open(ctx context.Context, source string, max int64) (*input, error) {
	if !isURL(source) {
		f, err := os.Open(source)
		if err != nil {
			return nil, err
		}
		return newInput(source, f, f, max), nil
	}
	u, err := checkURL(source)
	if err != nil {
		return nil, err
	}
	name := redact(u)
	body, err := backoff.Retry(ctx, func() (io.ReadCloser, error) { return c.get(ctx, u) }, backoff.WithMaxTries(tries))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return newInput(name, body, body, max), nil
}

// checkURL refuses prices that anybody on the way could change.
func checkURL(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, errors.New("the URL of the feed cannot be read: want https://HOST/PATH") // its text may hold a key
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s: want https: anybody on the way could change what is read over http", redact(u))
	}
	return u, nil
}

// redact is a URL without its query, which holds the key of Google's catalogue.
func redact(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// get asks once. Errors that a later try may not have are told apart from those that it will.
func (c *collector) get(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, backoff.Permanent(errors.New("not a request that can be sent"))
	}
	resp, err := c.client().Do(req)
	if err != nil {
		var told *url.Error // with the whole URL in its text
		if errors.As(err, &told) {
			err = told.Err
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	_ = resp.Body.Close()
	err = fmt.Errorf("the server answers %s", resp.Status)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		if resp.Header.Get("Retry-After") == "" {
			return nil, err
		}
		wait := retryafter.Of(resp.Header, time.Time{})
		if wait > longestWait {
			return nil, backoff.Permanent(fmt.Errorf("%w, and asks to be left alone for %s: import again after that", err, wait))
		}
		return nil, fmt.Errorf("%w: %w", err, &backoff.RetryAfterError{Duration: wait})
	default:
		return nil, backoff.Permanent(err)
	}
}

// longestWait is how long an import waits because a server asks for it.
const longestWait = time.Minute

// waitForServer is how long a server may think before it answers.
const waitForServer = time.Minute

func (c *collector) client() *http.Client {
	if c.o.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = waitForServer
		c.o.Client = &http.Client{Transport: t}
	}
	return c.o.Client
}
