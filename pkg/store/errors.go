package store

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// The kinds of failure. errors.Is(err, ErrNotFound) and so on hold for every *[Error] of that kind.
var (
	// ErrNotFound: no such object, upload or bucket.
	ErrNotFound = errors.New("not found")
	// ErrChanged: a pinned read found other content than the Ref names.
	ErrChanged = errors.New("changed since it was seen")
	// ErrConflict: a conditional write, copy or delete was refused because the key no longer holds what was seen.
	ErrConflict = errors.New("the destination key changed since it was seen")
	// ErrThrottled: the service asks to slow down (429, 503 and its like).
	ErrThrottled = errors.New("throttled")
	// ErrTransient: may succeed when tried again (reset, timeout, early end of a body, 5xx).
	ErrTransient = errors.New("transient failure")
	// ErrAuth: credentials are missing, expired or wrong. Tried once more after they are refreshed.
	ErrAuth = errors.New("not authenticated")
	// ErrPermission: the credentials lack a right.
	ErrPermission = errors.New("permission denied")
	// ErrIntegrity: bytes, sizes or checksums disagree. Never tried again by a decorator.
	ErrIntegrity = errors.New("integrity check failed")
	// ErrName: the store cannot hold this key.
	ErrName = errors.New("name not possible in this store")
	// ErrUnsupported: the backend or this bucket cannot do this.
	ErrUnsupported = errors.New("not supported")
	// ErrPermanent: the service refused for another reason; trying again is of no use.
	ErrPermanent = errors.New("refused by the store")
)

// Error is how every failure leaves a Store.
type Error struct {
	Op    string // "list", "head", "read", "put", "copy", "delete", "create-upload", "part", "part-copy", "list-parts", "complete", "abort", "list-uploads", "open"
	Store string // URL without credentials
	Key   string // "" where none is meant
	Kind  error  // one of the Err variables above
	// RetryAfter is how long the service asked us to wait, 0 if it did not say.
	RetryAfter time.Duration
	// NotSent is true only if the request provably never reached the service, see [NotSent].
	NotSent bool
	Err     error // the cause; may be nil
}

// Error reads "read az://c/k: changed since it was seen: <cause>".
func (e *Error) Error() string {
	where := e.Store
	if e.Key != "" {
		where += " " + fmt.Sprintf("%q", e.Key)
	}
	s := e.Op + " " + where + ": " + e.Kind.Error()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// KindOf returns the kind of an error from a Store, or nil if it is not one.
func KindOf(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return nil
}

// NotSent tells whether an error of an HTTP client proves that no byte of the request was sent to the service: no connection was made, or, as an error of
// such a method says, none was written to. What a store makes of it is in [Error.NotSent].
func NotSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	var e interface{ NotSent() bool }
	return errors.As(err, &e) && e.NotSent()
}
