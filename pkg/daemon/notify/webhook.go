package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/retryafter"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

const (
	// leastKey is the shortest text that events are signed with: what is shorter can be guessed.
	leastKey = 16
	// keyPrefix stands before a key in base64, as Standard Webhooks writes it.
	keyPrefix = "whsec_"
	// mostAnswer is read of what a target answers, and mostTold of it is repeated.
	mostAnswer, mostTold = 64 << 10, 200
	// mostAsked is the longest that a target can ask to be left alone.
	mostAsked = time.Hour
)

// ErrKey: events cannot be signed with this key.
var ErrKey = errors.New("the key cannot sign: want whsec_ and base64, or any text of 16 characters or more")

// WebhookOptions of NewWebhook. All of them may be secrets.
type WebhookOptions struct {
	URL     string
	Secret  string
	Headers map[string]string
	Timeout time.Duration
	// Loopback lets a name lead to this machine; an address of it, or localhost, always may.
	Loopback bool
	// Now is the clock that answers are read by.
	Now func() time.Time
}

// webhook posts events.
type webhook struct {
	o      WebhookOptions
	key    []byte
	host   string
	client *http.Client
}

// NewWebhook makes a sender that posts. Errors: [ErrKey], or what is wrong with the URL, without it.
func NewWebhook(o WebhookOptions) (Sender, error) {
	key, err := parseKey(o.Secret)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("the URL cannot be posted to")
	}
	// It takes the guard of the stores' clients: no name and no redirect leads to a metadata service.
	client := meter.NewClient(meter.Options{DenyLoopback: !o.Loopback, HeaderTimeout: o.Timeout, StallBytes: -1})
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = o.Timeout
	return &webhook{o: o, key: key, host: u.Scheme + "://" + u.Host, client: client}, nil
}

// parseKey reads a key as Standard Webhooks writes it, or takes a text as it is.
func parseKey(text string) ([]byte, error) {
	if coded, ok := strings.CutPrefix(text, keyPrefix); ok {
		key, err := base64.StdEncoding.DecodeString(coded)
		if err != nil || len(key) < leastKey {
			return nil, ErrKey // not with err, which repeats what it could not read
		}
		return key, nil
	}
	if len(text) < leastKey {
		return nil, ErrKey
	}
	return []byte(text), nil
}

// Where is the host: a path can be a secret.
func (w *webhook) Where() string { return w.host }

// Send posts a message. Only an answer of 200 to 299 takes it.
func (w *webhook) Send(ctx context.Context, m Message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, bytes.NewReader(m.Body))
	if err != nil {
		return errors.New("the URL cannot be posted to")
	}
	for name, value := range w.o.Headers {
		r.Header.Set(name, value)
	}
	at := strconv.FormatInt(m.At.Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "datagravity")
	r.Header.Set("webhook-id", m.ID)
	r.Header.Set("webhook-timestamp", at)
	r.Header.Set("webhook-signature", "v1,"+w.sign(m.ID, at, m.Body))
	resp, err := w.client.Do(r)
	if err != nil {
		var u *url.Error // it names the URL
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("post to %s: %w", w.host, err)
	}
	defer resp.Body.Close() //nolint:errcheck // what it says decides nothing
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("post to %s: %s%s", w.host, resp.Status, w.told(answer))
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		err = fmt.Errorf("%w: redirects are not followed; correct the URL", err)
	}
	return &refused{err, min(retryafter.Of(resp.Header, w.o.Now()), mostAsked)}
}

// sign is the signature of what is posted: of the id, the time and the body, so that none of them can be another's.
func (w *webhook) sign(id, at string, body []byte) string {
	h := hmac.New(sha256.New, w.key)
	_, _ = io.WriteString(h, id+"."+at+".")
	_, _ = h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// told is the beginning of an answer, without what was secret in the request.
func (w *webhook) told(answer []byte) string {
	text := string(answer)
	for _, secret := range append([]string{w.o.Secret, w.o.URL}, values(w.o.Headers)...) {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "REDACTED")
		}
	}
	if len(text) > mostTold {
		text = text[:mostTold]
	}
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return fmt.Sprintf(": %q", text)
}

func values(m map[string]string) (list []string) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}
