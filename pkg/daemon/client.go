package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/operate"
)

// ErrNobody: nobody answers at the socket.
var ErrNobody = errors.New("nobody answers at the socket")

// healthTimeout is for a process that only has to say its name. One that is stopped (SIGSTOP, a debugger) has a socket and says nothing.
const healthTimeout = 5 * time.Second

// Client asks the process that holds the manifest, at its Unix socket ([Dial]) or over TCP ([DialTCP]). It is safe for concurrent use.
type Client struct {
	http    *http.Client
	base    string // what stands before every path
	where   string // for people
	token   string // over TCP
	version string
	health  Health
}

var (
	_ dispatch.Jobs    = (*Client)(nil)
	_ operate.Operator = (*Client)(nil)
)

// Dial asks who answers at a socket; version is the caller's own. Errors: [ErrNobody], [ErrPath], or why there is no answer.
func Dial(ctx context.Context, path, version string) (*Client, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	c := &Client{version: version, base: "http://datagravity", where: path, http: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx, path) },
			// A connection that is kept would have the holder wait for it when it ends.
			DisableKeepAlives: true,
		},
		CheckRedirect: stay,
	}}
	return c, c.hello(ctx)
}

// stay follows no redirect: none is ever sent, and one that came would not be ours.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// hello asks who answers.
func (c *Client) hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := c.ask(ctx, http.MethodGet, "/v1/health", nil, &c.health); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("%w %s", ErrNobody, c.where)
		}
		var foreign *ForeignError
		if errors.As(err, &foreign) {
			return err // it says where
		}
		return fmt.Errorf("%s: %w", c.where, err)
	}
	return nil
}

// Remote is where the API of a daemon elsewhere is.
type Remote struct {
	// URL of it, for example https://host:8443.
	URL   string
	Token string
	// CA is a file with the certificates that vouch for it, in PEM; "": those of the system.
	CA string
	// Fingerprint is the SHA-256 of its certificate, in hex, with or without colons; nobody need vouch for it then.
	Fingerprint string
}

// Check tells what is wrong with the address or the fingerprint; no file is read, and nobody asked.
func (r Remote) Check() error {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		return fmt.Errorf("the API's address %q: want https://HOST:PORT and nothing more", r.URL)
	}
	_, err = r.fingerprint()
	return err
}

// DialTCP asks who answers over TCP; version is the caller's own.
func DialTCP(ctx context.Context, r Remote, version string) (*Client, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	if r.Token == "" {
		return nil, fmt.Errorf("no token for %s: set DATAGRAVITY_TOKEN, or DATAGRAVITY_TOKEN_FILE to a file with it; datagravity token create on its machine makes one", u.Host)
	}
	config, err := r.tls()
	if err != nil {
		return nil, err
	}
	c := &Client{version: version, base: "https://" + u.Host, where: u.Host, token: r.Token, http: &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: healthTimeout},
		CheckRedirect: stay,
	}}
	return c, c.hello(ctx)
}

func (r Remote) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CA != "" {
		b, err := os.ReadFile(r.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates that vouch for the API: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("certificates that vouch for the API: %s has none in PEM", r.CA)
		}
	}
	want, err := r.fingerprint()
	if want == nil || err != nil {
		return config, err
	}
	config.InsecureSkipVerify = true // what follows is stricter: one certificate and no other
	config.VerifyConnection = func(st tls.ConnectionState) error {
		got := sha256.Sum256(st.PeerCertificates[0].Raw)
		if subtle.ConstantTimeCompare(got[:], want) != 1 {
			return fmt.Errorf("the certificate of %s has another fingerprint than expected: %x", st.ServerName, got)
		}
		return nil
	}
	return config, nil
}

// fingerprint in bytes; nil: there is none.
func (r Remote) fingerprint() ([]byte, error) {
	if r.Fingerprint == "" {
		return nil, nil
	}
	want, err := hex.DecodeString(strings.ReplaceAll(r.Fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q: want the 64 hex digits that the daemon logs when it begins to listen", r.Fingerprint)
	}
	return want, nil
}

// Ping asks again whether it answers.
func (c *Client) Ping(ctx context.Context) error {
	var again Health
	return c.ask(ctx, http.MethodGet, "/v1/health", nil, &again)
}

// Health is who answered Dial.
func (c *Client) Health() Health { return c.health }

// ask sends a request and reads its answer into out; nil: there is none.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	answer, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return c.gone(ctx, err)
	}
	if out == nil {
		return nil
	}
	if !isMedia(answer.Header, jsonMedia) { // a page to log in at, for example
		return c.skewed(readProblem(answer.StatusCode, answer.Header, nil, c.where))
	}
	if err := json.Unmarshal(b, out); err != nil {
		return c.skewed(fmt.Errorf("the answer is in another form than expected: %w", err))
	}
	return nil
}

// send returns an answer that is one of success; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		q.Header.Set("Content-Type", jsonMedia)
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the URL in it is none that anybody knows
		}
		return nil, c.gone(ctx, err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, c.gone(ctx, err)
	}
	return nil, c.skewed(readProblem(answer.StatusCode, answer.Header, b, c.where))
}

// gone is what a connection that broke off means.
func (c *Client) gone(ctx context.Context, err error) error {
	if ctx.Err() != nil && c.health.PID != 0 {
		return ctx.Err()
	}
	if c.health.PID == 0 { // Dial says it in its own words
		return err
	}
	return fmt.Errorf("%w: it was process %d (%s) (%w)", ErrGone, c.health.PID, c.health.Command, err)
}

// skewed adds to an error that the versions differ, where they do: it may be why.
func (c *Client) skewed(err error) error {
	if c.health.Version == "" || c.health.Version == c.version {
		return err
	}
	return fmt.Errorf("%w (process %d, which answered, is datagravity %s; this one is %s)", err, c.health.PID, c.health.Version, c.version)
}

// job is the path of one.
func job(id string) string { return "/v1/jobs/" + segment(id) }

// segment of a path. A dot is escaped too: as a segment of its own it would mean the folder.
func segment(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }

// named wants an id that can be a segment of a path: none at all would be the path of all jobs, and a slash alone, escaped or not, is the end of one
// to http.ServeMux. No job is called that.
func named(id string) error {
	if id == "" || id == "/" {
		return fmt.Errorf("%w: %q", dispatch.ErrNoJob, id)
	}
	return nil
}

// about asks about one job.
func about[T any](ctx context.Context, c *Client, id, rest string) (out T, err error) {
	if err := named(id); err != nil {
		return out, err
	}
	err = c.ask(ctx, http.MethodGet, job(id)+rest, nil, &out)
	return out, err
}

// Add takes jobs in, or changes them.
func (c *Client) Add(ctx context.Context, origin string, specs []spec.Job) ([]dispatch.Status, error) {
	out, err := c.AddEach(ctx, origin, specs)
	if err == nil && out.Refused != nil {
		err = &Error{Problem: *out.Refused}
	}
	return out.Jobs, err
}

// AddEach takes jobs in, or changes them, and tells of each that was not taken why. That some were not is no error.
func (c *Client) AddEach(ctx context.Context, origin string, specs []spec.Job) (out AddResponse, err error) {
	err = c.ask(ctx, http.MethodPost, "/v1/jobs", AddRequest{origin, specs}, &out)
	return out, err
}

// idsAtOnce fit into the address of a request, whose most is 1 MiB with all headers, at 128 bytes an id and all of them escaped.
const idsAtOnce = 1000

// Remove takes jobs back.
func (c *Client) Remove(ctx context.Context, ids []string) error {
	var errs []error
	for some := range slices.Chunk(ids, idsAtOnce) {
		errs = append(errs, c.ask(ctx, http.MethodDelete, "/v1/jobs?"+url.Values{"id": some}.Encode(), nil, nil))
	}
	return errors.Join(errs...)
}

// List tells of all jobs.
func (c *Client) List(ctx context.Context) ([]dispatch.Status, error) {
	return all[dispatch.Status](ctx, c, "/v1/jobs", nil)
}

// ListOf tells of the jobs that were declared at one origin: a file, a scheduler.
func (c *Client) ListOf(ctx context.Context, origin string) ([]dispatch.Status, error) {
	return all[dispatch.Status](ctx, c, "/v1/jobs", url.Values{"origin": {origin}})
}

// Show tells of one job.
func (c *Client) Show(ctx context.Context, id string, shards bool) (dispatch.Detail, error) {
	return about[dispatch.Detail](ctx, c, id, "?shards="+strconv.FormatBool(shards))
}

// Ready tells whether all of a job is there.
func (c *Client) Ready(ctx context.Context, id string, maxAge time.Duration) (dispatch.Readiness, error) {
	question := "/ready"
	if maxAge >= 0 {
		question += "?max_age=" + maxAge.String()
	}
	return about[dispatch.Readiness](ctx, c, id, question)
}

// Place ranks the destinations that a job could be brought to.
func (c *Client) Place(ctx context.Context, id string) ([]dispatch.Placement, error) {
	return about[[]dispatch.Placement](ctx, c, id, "/placements")
}

// Handout tells what a run needs to read its shards.
func (c *Client) Handout(ctx context.Context, id, destination string) (dispatch.Handout, error) {
	return about[dispatch.Handout](ctx, c, id, "/handout?to="+url.QueryEscape(destination))
}

// Reload has the holder read its configuration again, and tells what takes effect. Errors: [ErrReload].
func (c *Client) Reload(ctx context.Context) (changed []string, err error) {
	var out ReloadResponse
	err = c.ask(ctx, http.MethodPost, "/v1/reload", nil, &out)
	return out.Changed, err
}

// Command has the holder run a command and writes what it says, as it says it. begun tells that something was written. Errors: [ErrRefused],
// [ErrBusy], [ErrGone], or of writing.
func (c *Client) Command(ctx context.Context, q CommandRequest, out, errs io.Writer) (exit int, begun bool, err error) {
	for _, a := range q.Args {
		if !utf8.ValidString(a) {
			return 0, false, fmt.Errorf("%w: %q is no UTF-8", ErrRefused, a)
		}
	}
	answer, err := c.send(ctx, http.MethodPost, "/v1/command", q)
	if err != nil {
		return 0, false, err
	}
	exit, begun, err = copyFrames(answer.Body, out, errs)
	_ = answer.Body.Close() // all of it was read, or none is wanted any more
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return exit, begun, err
}
