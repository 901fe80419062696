package staging

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
)

// Silence of the daemon: since when it answers no question of ours, and what the last request failed with.
type Silence struct {
	Since time.Time
	Err   error
}

// Kind of a silence: a reason for conditions.
type Kind string

// The kinds: nobody is there, or somebody who says no, or somebody else.
const (
	Silent       Kind = "DaemonSilent"
	TokenRefused Kind = "TokenRefused"
	TooOften     Kind = "TooManyRequests"
	NotTheDaemon Kind = "NotTheDaemon"
)

// Kind tells whether nobody is there, or somebody who says no, or a proxy or the like that is not the daemon.
func (s *Silence) Kind() Kind {
	var said *daemon.Error
	var foreign *daemon.ForeignError
	switch {
	case errors.As(s.Err, &foreign):
		return NotTheDaemon
	case !errors.As(s.Err, &said):
		return Silent
	case said.Status == http.StatusUnauthorized || said.Status == http.StatusForbidden:
		return TokenRefused
	case said.Status == http.StatusTooManyRequests:
		return TooOften
	}
	return Silent
}

// cause is what a silence is said again for when it changes: a token that is unknown has another remedy than one that may not do this.
func (s *Silence) cause() string {
	var said *daemon.Error
	var foreign *daemon.ForeignError
	switch {
	case errors.As(s.Err, &said):
		return fmt.Sprint(s.Kind(), said.Status)
	case errors.As(s.Err, &foreign):
		return fmt.Sprint(s.Kind(), foreign.Status)
	}
	return string(s.Kind())
}

// Says it for people, in one line; layout is of the time.
func (s *Silence) Says(where, layout string) string {
	since, why := s.Since.UTC().Format(layout), strings.Join(strings.Fields(s.Err.Error()), " ")
	switch s.Kind() {
	case TokenRefused:
		return fmt.Sprintf("the datagravity daemon at %s refuses the controller's token since %s: %s. Make one with datagravity token create, scopes read and jobs, and put it "+
			"into the controller's Secret", where, since, why)
	case TooOften:
		return fmt.Sprintf("the datagravity daemon at %s is asked too often since %s, and says: %s. Who else uses the controller's token?", where, since, why)
	case NotTheDaemon:
		return fmt.Sprintf("the datagravity daemon at %s is not reached since %s: %s", where, since, why)
	}
	return fmt.Sprintf("the datagravity daemon at %s does not answer since %s: %s", where, since, why)
}

// longestAsked is how long nobody is asked at most, whatever was said: who says a date of next year would keep everything waiting until then.
const longestAsked = 10 * time.Minute

// asked is how long the daemon, or who answers in its place, wants to be left alone; 0: that was not said.
func asked(err error) time.Duration {
	var said *daemon.Error
	var foreign *daemon.ForeignError
	switch {
	case errors.As(err, &said):
		return min(said.After, longestAsked)
	case errors.As(err, &foreign):
		return min(foreign.After, longestAsked)
	}
	return 0
}
