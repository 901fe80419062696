package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Target is somebody who is told.
type Target struct {
	Name string
	// Events that it wants; empty: all.
	Events []string
	Sender Sender
}

// Sender tells one target. An error means that it was not told, as far as is known; it has no secret in it.
type Sender interface {
	Send(ctx context.Context, m Message) error
	// Where it sends to, without secrets: https://HOST, or a program.
	Where() string
}

// Message is what is sent.
type Message struct {
	// ID is the same in every attempt.
	ID    string
	Event string
	At    time.Time // of this attempt
	Body  []byte    // JSON
}

// refused is an answer that says when to come again.
type refused struct {
	error
	after time.Duration
}

func (r *refused) Unwrap() error { return r.error }

// waitAsked is how long a target asked to be left alone, 0 if it did not.
func waitAsked(err error) time.Duration {
	var r *refused
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}

// SendTest tells a target that it can be told.
func SendTest(ctx context.Context, t Target, a Agent, now time.Time) error {
	n, err := encode(event{Test, fmt.Sprintf("datagravity at %s can reach %s.", a.Name, t.Name), struct{}{}}, a, now)
	if err != nil {
		return err
	}
	return t.Sender.Send(ctx, messageOf(n, now))
}

func messageOf(n manifest.Notice, now time.Time) Message {
	return Message{ID: n.ID, Event: n.Event, At: now, Body: n.Body}
}
