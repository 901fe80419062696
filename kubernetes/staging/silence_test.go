package staging

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

func said(status int, after time.Duration) error {
	return fmt.Errorf("of another version: %w", &daemon.Error{Problem: daemon.Problem{Status: status, Detail: "no"}, After: after})
}

func foreign(status int, after time.Duration) error {
	return fmt.Errorf("of another version: %w", &daemon.ForeignError{Where: "d:8443", Status: status, Media: "text/html", After: after})
}

// How long to wait is obeyed, whoever says it, up to a limit.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		err  error
		want time.Duration
	}{
		{errors.New("refused"), 0}, {said(429, 7*time.Second), 7 * time.Second}, {foreign(503, time.Minute), time.Minute}, {foreign(429, 1000*time.Hour), longestAsked},
	} {
		if got := asked(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

// A daemon that says no is told as what it is, not as one that is not there.
func TestSilenceSaysWhatItIs(t *testing.T) {
	for _, c := range []struct {
		err   error
		kind  Kind
		words string
	}{
		{errors.New("connection\nrefused"), Silent, "does not answer since 2026: connection refused"},
		{said(http.StatusUnauthorized, 0), TokenRefused, "refuses the controller's token since 2026: of another version: no. Make one with datagravity token create"},
		{said(http.StatusForbidden, 0), TokenRefused, "refuses the controller's token"},
		{said(http.StatusTooManyRequests, time.Second), TooOften, "is asked too often since 2026"},
		{said(http.StatusInternalServerError, 0), Silent, "does not answer"},
		{foreign(http.StatusForbidden, 0), NotTheDaemon, "is not reached since 2026: of another version: d:8443 was answered by something that is not the daemon: status 403 Forbidden"},
	} {
		s := &Silence{Since: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Err: c.err}
		if got := s.Says("https://d", "2006"); s.Kind() != c.kind || !strings.HasPrefix(got, "the datagravity daemon at https://d "+c.words) {
			t.Errorf("%v: %s: %s", c.err, s.Kind(), got)
		}
	}
}

// Who says for how long is left alone for so long, and all that wait are told when a silence becomes another.
func TestDeskIsAskedToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		d, told := desk(k)
		d.o.Now = time.Now
		d.Want(object("a"), []spec.Job{want("k/team/a")})
		k.err = said(http.StatusTooManyRequests, time.Minute)
		if again, err := d.Confirm(t.Context(), []spec.Job{want("k/team/a")}); again != time.Minute || err != nil {
			t.Errorf("looked at again after %s, %v", again, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Start(ctx) }()
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if n := k.asked["list"]; n != 10 {
			t.Errorf("it was asked %d times in ten minutes", n)
		}
		if s := d.Silence(); s == nil || s.Kind() != TooOften || told() != "a" {
			t.Errorf("%+v", s)
		}
		k.mu.Lock()
		k.err = said(http.StatusUnauthorized, 0)
		k.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := d.Silence(); s == nil || s.Kind() != TokenRefused || time.Since(s.Since) > time.Minute || told() != "a" {
			t.Errorf("%+v", s)
		}
		// The same kind for another cause is told, too.
		k.mu.Lock()
		k.err = said(http.StatusForbidden, 0)
		k.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := d.Silence(); s == nil || s.Kind() != TokenRefused || told() != "a" {
			t.Errorf("%+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
