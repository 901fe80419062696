package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/internal/filelock"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	// Prefix of every token, so that scanners for secrets find it where it does not belong.
	Prefix      = "dg_"
	secretBytes = 32
	tokensFile  = "tokens.json"
	usedFile    = "tokens-used.json"
	// mostTokens are more than anybody gives out; each look-up compares with all of them.
	mostTokens = 1000
	// usedEvery is how often it is written down when tokens were used.
	usedEvery = time.Minute
)

var (
	// ErrName: no token can be called so, or one is already.
	ErrName = errors.New("no name for a token")
	// ErrNoToken: no token is called so.
	ErrNoToken = errors.New("no such token")
)

// Token is what is known of a token.
type Token struct {
	Name   string    `json:"name"`
	Scopes []Scope   `json:"scopes"`
	SHA256 string    `json:"sha256"` // of the whole token, in hex
	By     string    `json:"by"`     // who made it
	Made   time.Time `json:"created"`
	// Expires and Revoked are null if it does not, or was not.
	Expires *time.Time `json:"expires"`
	Revoked *time.Time `json:"revoked"`
	// Used is when it was last used, to the minute; null: never.
	Used *time.Time `json:"last_used"`
}

// Live tells whether it counts at a time.
func (t Token) Live(now time.Time) bool {
	return t.Revoked == nil && (t.Expires == nil || now.Before(*t.Expires))
}

// Tokens are those of a state directory. It is safe for concurrent use, also by several processes.
type Tokens struct {
	dir string
	now func() time.Time

	mu     sync.Mutex
	seen   fs.FileInfo // the file as it was read
	list   []Token
	used   map[string]time.Time
	dirty  bool
	stored time.Time
}

// OpenTokens are those of a state directory; now is the clock.
func OpenTokens(dir string, now func() time.Time) *Tokens {
	return &Tokens{dir: dir, now: now, used: map[string]time.Time{}}
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// random is 256 bits as text.
func random() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails, and never returns less
	return base64.RawURLEncoding.EncodeToString(b)
}

// Create makes a token and returns it, which nobody can again. The name of a token that no longer counts is free. expires zero: never. Errors: [ErrName].
func (t *Tokens) Create(name string, scopes []Scope, expires time.Time, by string) (secret string, made Token, err error) {
	if !jobs.ValidName(name) {
		return "", made, fmt.Errorf("%w: %q; use up to 128 letters, digits and ._:@/-, a letter or digit first", ErrName, name)
	}
	secret = Prefix + random()
	made = Token{Name: name, Scopes: scopes, SHA256: digest(secret), By: by, Made: t.now().UTC().Truncate(time.Second)}
	if !expires.IsZero() {
		at := expires.UTC()
		made.Expires = &at
	}
	err = t.change(func(list []Token) ([]Token, error) {
		list = slices.DeleteFunc(list, func(old Token) bool { return old.Name == name && !old.Live(t.now()) })
		if slices.ContainsFunc(list, func(old Token) bool { return old.Name == name }) {
			return nil, fmt.Errorf("%w: there is a token %q already; datagravity token revoke %s ends it", ErrName, name, name)
		}
		if len(list) >= mostTokens {
			return nil, fmt.Errorf("%w: there are %d tokens, as many as there can be; revoke those that nobody uses", ErrName, len(list))
		}
		return append(list, made), nil
	})
	if err != nil {
		return "", made, err
	}
	return secret, made, nil
}

// Revoke ends a token at once. Errors: [ErrNoToken].
func (t *Tokens) Revoke(name string) (gone Token, err error) {
	err = t.change(func(list []Token) ([]Token, error) {
		for i := range list {
			if one := &list[i]; one.Name == name && one.Revoked == nil {
				at := t.now().UTC().Truncate(time.Second)
				one.Revoked, gone = &at, *one
				return list, nil
			}
		}
		return nil, fmt.Errorf("%w: %q; datagravity token list shows them", ErrNoToken, name)
	})
	return gone, err
}

// List tells of all tokens, those that no longer count too, by name.
func (t *Tokens) List() ([]Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.load(); err != nil {
		return nil, err
	}
	used, err := t.readUsed()
	if err != nil {
		return nil, err
	}
	out := make([]Token, 0, len(t.list))
	for _, one := range t.list {
		at, ok := used[one.Name]
		if mine, here := t.used[one.Name]; here && mine.After(at) {
			at, ok = mine, true
		}
		if ok && !at.Before(one.Made) { // of an earlier one with its name
			one.Used = &at
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Find is the token that a secret is, if it counts. It takes as long for every secret.
func (t *Tokens) Find(secret string) (found Token, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.load(); err != nil {
		return found, false, err
	}
	sum, now := digest(secret), t.now()
	for _, one := range t.list {
		if subtle.ConstantTimeCompare([]byte(one.SHA256), []byte(sum)) == 1 {
			found, ok = one, one.Live(now)
		}
	}
	if ok {
		t.note(found.Name, now)
	}
	return found, ok, nil
}

// Same is a token as it is now, by its name and hash, if it still counts.
func (t *Tokens) Same(old Token) (found Token, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.load(); err != nil {
		return found, false, err
	}
	now := t.now()
	for _, one := range t.list {
		if one.Name == old.Name && one.SHA256 == old.SHA256 {
			found, ok = one, one.Live(now)
		}
	}
	if ok {
		t.note(found.Name, now)
	}
	return found, ok, nil
}

// note when a token was used, and write it down now and then.
func (t *Tokens) note(name string, now time.Time) {
	at := now.UTC().Truncate(time.Minute)
	if !t.used[name].Equal(at) {
		t.used[name], t.dirty = at, true
	}
	if t.dirty && now.Sub(t.stored).Abs() >= usedEvery {
		_ = t.store(now) // a token counts whether that it was used can be written down or not; Close says why it cannot
	}
}

// Close writes down when tokens were used.
func (t *Tokens) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dirty {
		return nil
	}
	return t.store(t.now())
}

func (t *Tokens) path(name string) string { return filepath.Join(t.dir, name) }

func (t *Tokens) readUsed() (used map[string]time.Time, err error) {
	b, err := os.ReadFile(t.path(usedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &used)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; it only says when tokens were used, and can be deleted", t.path(usedFile), err)
	}
	return used, nil
}

func (t *Tokens) store(now time.Time) error {
	t.stored = now
	used, err := t.readUsed()
	if err != nil || used == nil {
		used = map[string]time.Time{}
	}
	for _, one := range t.list {
		if at, ok := t.used[one.Name]; ok {
			used[one.Name] = at
		}
	}
	for name := range used {
		if !slices.ContainsFunc(t.list, func(one Token) bool { return one.Name == name }) {
			delete(used, name)
		}
	}
	b, err := json.MarshalIndent(used, "", "  ")
	if err == nil {
		err = manifest.WriteFile(t.path(usedFile), append(b, '\n'), 0o600)
	}
	if err == nil {
		t.dirty = false
	}
	return err
}

// load reads the file again if it is another one than before. t.mu is held.
func (t *Tokens) load() error {
	info, err := os.Stat(t.path(tokensFile))
	if errors.Is(err, fs.ErrNotExist) {
		t.seen, t.list = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	if t.seen != nil && os.SameFile(info, t.seen) && info.ModTime().Equal(t.seen.ModTime()) && info.Size() == t.seen.Size() {
		return nil
	}
	list, err := t.read()
	if err != nil {
		t.seen, t.list = nil, nil // nobody has a token rather than one that was revoked
		return err
	}
	t.seen, t.list = info, list
	return nil
}

func (t *Tokens) read() (list []Token, err error) {
	b, err := os.ReadFile(t.path(tokensFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; delete it to revoke all tokens", t.path(tokensFile), err)
	}
	return list, nil
}

// change replaces the file, one process at a time.
func (t *Tokens) change(f func([]Token) ([]Token, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	unlock, err := filelock.Lock(t.path(tokensFile + ".lock"))
	if err != nil {
		return fmt.Errorf("lock the tokens: %w", err)
	}
	defer unlock()
	list, err := t.read()
	if err == nil {
		list, err = f(list)
	}
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	t.seen = nil
	return manifest.WriteFile(t.path(tokensFile), append(b, '\n'), 0o600)
}
