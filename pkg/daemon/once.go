package daemon

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
	onceKey           = "once" // in an operation's metadata
	// keptAnswers are remembered for a day each, the oldest of more are forgotten; longestKey and largestAnswer bound each of them.
	keptAnswers   = 1000
	keptFor       = 24 * time.Hour
	longestKey    = 255
	largestAnswer = 1 << 20
)

var (
	// errKey: an Idempotency-Key that cannot be one, or that was another request's.
	errKey = errors.New("this Idempotency-Key was used for another request; choose a new one for each")
	// errAgain: the first of two requests with one key is being answered.
	errAgain = errors.New("a request with this Idempotency-Key is being answered; try again later")
)

// onces remember what was answered to requests with a key, in memory: after a restart a key is new, and what it made is seen by looking.
type onces struct {
	now func() time.Time

	mu   sync.Mutex
	list map[onceName]*remembered
}

type onceName struct{ who, method, path, key string }

// remembered is an answer; done false: it is being made.
type remembered struct {
	at     time.Time
	body   [sha256.Size]byte
	done   bool
	status int
	header http.Header
	bytes  []byte
}

func newOnces(now func() time.Time) *onces { return &onces{now: now, list: map[onceName]*remembered{}} }

// answer has a request answered, or answers it as it was before.
func (o *onces) answer(s *Server, w http.ResponseWriter, r *http.Request, key string, body []byte, make func(http.ResponseWriter)) {
	if len(key) > longestKey {
		s.fail(w, fmt.Errorf("%w: Idempotency-Key has more than %d bytes", errRequest, longestKey))
		return
	}
	name := onceName{principalOf(r.Context()).by(""), r.Method, r.URL.EscapedPath(), key}
	mine, before, err := o.claim(name, sha256.Sum256(body))
	if err != nil {
		s.fail(w, err)
		return
	}
	if before != nil {
		maps.Copy(w.Header(), before.header)
		w.Header().Set(replayedHeader, "true")
		w.WriteHeader(before.status)
		_, _ = w.Write(before.bytes) // who asked is gone; there is nobody to tell
		return
	}
	rec := &recording{ResponseWriter: w, status: http.StatusOK}
	defer func() { o.settle(name, mine, rec) }()
	make(rec)
}

// claim is the place for a new answer, or the one that was given.
func (o *onces) claim(name onceName, body [sha256.Size]byte) (mine, before *remembered, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if old := o.list[name]; old != nil && now.Sub(old.at) < keptFor {
		switch {
		case old.body != body:
			return nil, nil, errKey
		case !old.done:
			return nil, nil, errAgain
		}
		return nil, old, nil
	}
	o.sweep(now)
	mine = &remembered{at: now, body: body}
	o.list[name] = mine
	return mine, nil, nil
}

// settle remembers an answer. One of failure is not one to repeat: who tries again means it.
func (o *onces) settle(name onceName, mine *remembered, rec *recording) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !rec.wrote || rec.status/100 != 2 || rec.large {
		delete(o.list, name)
		return
	}
	mine.done, mine.status, mine.bytes = true, rec.status, rec.kept.Bytes()
	mine.header = http.Header{"Content-Type": rec.Header().Values("Content-Type")}
}

// sweep forgets what is too old, and of too many the oldest.
func (o *onces) sweep(now time.Time) {
	var oldest onceName
	var at time.Time
	for name, one := range o.list {
		if now.Sub(one.at) >= keptFor {
			delete(o.list, name)
		} else if one.done && (at.IsZero() || one.at.Before(at)) {
			oldest, at = name, one.at
		}
	}
	if len(o.list) >= keptAnswers && !at.IsZero() {
		delete(o.list, oldest)
	}
}

// recording keeps a copy of an answer.
type recording struct {
	http.ResponseWriter
	status int
	wrote  bool
	kept   bytes.Buffer
	large  bool
}

// WriteHeader notes the status.
func (r *recording) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recording) Write(p []byte) (int, error) {
	r.wrote = true
	if r.kept.Len()+len(p) > largestAnswer {
		r.large = true
	} else {
		r.kept.Write(p)
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (r *recording) Unwrap() http.ResponseWriter { return r.ResponseWriter }
