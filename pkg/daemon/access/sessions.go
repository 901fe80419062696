package access

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// sessionLength is a working day; sessionIdle is how long a browser may be silent.
	sessionLength = 12 * time.Hour
	sessionIdle   = time.Hour
	// mostSessions are kept, the oldest of more is ended.
	mostSessions = 1000
)

// Sessions are the browsers that logged in with a token. They are in memory: when the process ends, so do they. It is safe for concurrent use.
type Sessions struct {
	tokens *Tokens
	now    func() time.Time

	mu   sync.Mutex
	list map[[sha256.Size]byte]session
}

type session struct {
	token      Token
	made, seen time.Time
}

// NewSessions are those for tokens.
func NewSessions(tokens *Tokens, now func() time.Time) *Sessions {
	return &Sessions{tokens: tokens, now: now, list: map[[sha256.Size]byte]session{}}
}

// Begin makes one for a token that counts, and says how long it lasts at most.
func (s *Sessions) Begin(t Token) (secret string, length time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweep(now)
	secret = random()
	s.list[sha256.Sum256([]byte(secret))] = session{t, now, now}
	return secret, sessionLength
}

// Find is the token that a session was begun with. It ends with its token.
func (s *Sessions) Find(secret string) (t Token, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := sha256.Sum256([]byte(secret)), s.now()
	one, ok := s.list[key]
	if !ok || one.over(now) {
		delete(s.list, key)
		return t, false, nil
	}
	if t, ok, err = s.tokens.Same(one.token); !ok {
		if err == nil {
			delete(s.list, key)
		}
		return t, false, err
	}
	one.seen = now
	s.list[key] = one
	return t, true, nil
}

// End forgets one.
func (s *Sessions) End(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, sha256.Sum256([]byte(secret)))
}

func (o session) over(now time.Time) bool {
	return now.Sub(o.made) >= sessionLength || now.Sub(o.seen) >= sessionIdle || now.Before(o.made)
}

// sweep forgets those that are over, and the oldest if there are too many.
func (s *Sessions) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var at time.Time
	for k, one := range s.list {
		if one.over(now) {
			delete(s.list, k)
		} else if at.IsZero() || one.made.Before(at) {
			oldest, at = k, one.made
		}
	}
	if len(s.list) >= mostSessions {
		delete(s.list, oldest)
	}
}
