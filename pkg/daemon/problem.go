package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/datagravity/datagravity/internal/retryafter"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

var (
	// ErrRefused: the holder does not run this command for others, or not for this caller; the text says why.
	ErrRefused = errors.New("the process that holds the manifest does not answer this")
	// ErrBusy: it answers as many as it can.
	ErrBusy = errors.New("the process that holds the manifest is answering as many requests as it can; try again later")
	// ErrReload: the configuration was refused, and the one before holds.
	ErrReload = errors.New("the configuration was not read again, and holds as it was")
	// errRequest: the request itself is wrong.
	errRequest = errors.New("the request is wrong")
	// errMedia: its body is something else than JSON.
	errMedia = errors.New("the request is of another kind")
	// errTooLarge: it has more than maxBody.
	errTooLarge = errors.New("the request is larger than this operation takes: 32 MiB for jobs, 1 MiB for others; ask for fewer at a time")
	// errEndpoint: there is nothing at this path, or nothing for this method.
	errEndpoint = errors.New("no such endpoint")
	// errNoReload: this holder has no configuration to read again.
	errNoReload = errors.New("this process does not read its configuration again")
	// errNoJobs: this holder answers commands alone.
	errNoJobs = errors.New("this process does not keep jobs; datagravity daemon does")
	// errNoReader: this holder does not tell how things stand.
	errNoReader = errors.New("this process does not tell how things stand; datagravity daemon does")
	// errNoOperator and errNoTimers: this holder does not do what only some do.
	errNoOperator = errors.New("this process does not take wishes; datagravity daemon does")
	errNoTimers   = errors.New("this process has no timers; datagravity daemon does")
	// ErrNoTimer: no timer is called so.
	ErrNoTimer = errors.New("no such timer")
	// ErrScope: who asks over TCP may not do this.
	ErrScope = errors.New("this token is not for that")
	// ErrToken: who asks over TCP has no token that counts.
	ErrToken = errors.New("no token that counts came with the request")
	// errHost and errOrigin: a browser was led here by somebody else's page.
	errHost   = errors.New("this is not a name of this server")
	errOrigin = errors.New("the request comes from another site")
)

// Problem is what an endpoint that failed answers, as application/problem+json (RFC 9457).
type Problem struct {
	// Type is a URN with the first of Kinds, or about:blank.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is the text of the error.
	Detail string `json:"detail"`
	// Code is the exit code of the command line for it.
	Code int `json:"code"`
	// Kinds are the names of the errors that it is.
	Kinds []string `json:"kinds,omitempty"`
	// Hint says what to do, where that is known.
	Hint string `json:"hint,omitempty"`
}

// The problem is an answer of huma's, too.

func (p *Problem) Error() string { return p.Detail }

// GetStatus is the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType of the answer.
func (p *Problem) ContentType(string) string { return problemMedia }

const (
	problemMedia = "application/problem+json"
	problemURN   = "urn:datagravity:problem:"
)

// kinds are the errors that keep their identity on the way. The first that applies decides the status.
var kinds = []struct {
	name   string
	err    error
	status int
}{
	{"request", errRequest, http.StatusBadRequest},
	{"media", errMedia, http.StatusUnsupportedMediaType},
	{"too-large", errTooLarge, http.StatusRequestEntityTooLarge},
	{"endpoint", errEndpoint, http.StatusNotFound},
	{"stranger", errStranger, http.StatusForbidden},
	{"refused", ErrRefused, http.StatusForbidden},
	{"busy", ErrBusy, http.StatusServiceUnavailable},
	{"no-jobs", errNoJobs, http.StatusNotImplemented},
	{"no-reader", errNoReader, http.StatusNotImplemented},
	{"reload", ErrReload, http.StatusConflict},
	{"no-operator", errNoOperator, http.StatusNotImplemented},
	{"no-reload", errNoReload, http.StatusNotImplemented},
	{"no-timers", errNoTimers, http.StatusNotImplemented},
	{"no-timer", ErrNoTimer, http.StatusNotFound},
	{"token", ErrToken, http.StatusUnauthorized},
	{"scope", ErrScope, http.StatusForbidden},
	{"host", errHost, http.StatusMisdirectedRequest},
	{"origin", errOrigin, http.StatusForbidden},
	{"rate", errRate, http.StatusTooManyRequests},
	{"listeners", errListeners, http.StatusServiceUnavailable},
	{"key", errKey, http.StatusUnprocessableEntity},
	{"again", errAgain, http.StatusConflict},
	{"mistake", operate.ErrMistake, http.StatusBadRequest},
	{"no-need", dgsync.ErrNoNeed, http.StatusNotFound},
	{"no-job", dispatch.ErrNoJob, http.StatusNotFound},
	{"no-budget", cost.ErrNoBudget, http.StatusNotFound},
	{"blocked", dispatch.ErrBlocked, http.StatusConflict},
	{"budget", cost.ErrBudget, http.StatusConflict},
	{"untrusted-price", cost.ErrUntrusted, http.StatusConflict},
	{"overrun", cost.ErrOverrun, http.StatusConflict},
	{"paused", cost.ErrPaused, http.StatusConflict},
	{"auth", store.ErrAuth, http.StatusBadGateway},
	{"permission", store.ErrPermission, http.StatusBadGateway},
	{"integrity", store.ErrIntegrity, http.StatusBadGateway},
	{"corrupt", manifest.ErrCorrupt, http.StatusInternalServerError},
	{"locked", manifest.ErrLocked, http.StatusConflict},
	{"source-missing", engine.ErrSourceMissing, http.StatusConflict},
	{"archived", plan.ErrArchived, http.StatusConflict},
	{"empty", index.ErrEmpty, http.StatusConflict},
	{"nothing-selected", jobs.ErrNothingSelected, http.StatusConflict},
	{"capacity", plan.ErrCapacity, http.StatusConflict},
	{"not-ready", dgsync.ErrNotReady, http.StatusConflict},
	{"pinned", plan.ErrPinned, http.StatusConflict},
	{"not-complete", index.ErrNotComplete, http.StatusConflict},
	{"cancelled", context.Canceled, http.StatusServiceUnavailable},
}

// problemOf describes an error; code is its exit code.
func problemOf(err error, code int) Problem {
	p := Problem{Type: "about:blank", Status: http.StatusInternalServerError, Detail: err.Error(), Code: code}
	for _, k := range kinds {
		if !errors.Is(err, k.err) {
			continue
		}
		if len(p.Kinds) == 0 {
			p.Type, p.Status = problemURN+k.name, k.status
		}
		p.Kinds = append(p.Kinds, k.name)
	}
	var query *observe.QueryError
	if len(p.Kinds) == 0 && errors.As(err, &query) {
		p.Type, p.Status, p.Kinds = problemURN+"request", http.StatusBadRequest, []string{"request"}
	}
	p.Title, p.Hint = http.StatusText(p.Status), hintOf(err)
	return p
}

// hints say what to do where a package below does not know: about the API itself.
var hints = []struct {
	err  error
	hint string
}{
	{ErrToken, "send Authorization: Bearer dg_…; datagravity token create makes a token on the machine of the daemon, and datagravity token list shows whether it still counts"},
	{ErrScope, "make a token with that scope: datagravity token create --scope"},
	{errHost, "use a name in the server's certificate, or add this one to api.hosts in its configuration"},
	{errOrigin, "send the request from the server's own pages, or without a browser and with a token"},
	{errTooLarge, "send less at a time"},
	{errRate, "wait a second, or ask for /v1/events instead of asking again and again"},
	{errEndpoint, "/openapi.json lists what there is"},
	{errRequest, "/openapi.json says what each operation takes"},
	{ErrBusy, "try again in a moment"},
	{errStranger, "become the user that datagravity runs as, or ask over TCP with a token"},
	{dispatch.ErrNoJob, "datagravity jobs list shows them"},
	{cost.ErrNoBudget, "datagravity budget shows them"},
	{dgsync.ErrNoNeed, "datagravity need list shows them"},
	{operate.ErrMistake, "GET /v1/overview names what is configured"},
}

// hintOf an error, "" if nothing is known.
func hintOf(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.hint
		}
	}
	if kind, do := observe.KindOf(err); kind != "other" {
		return do
	}
	return ""
}

// write answers with the problem.
func (p Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", problemMedia)
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="datagravity"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who asked is gone; there is nobody to tell
}

// Error is a [Problem] on the side of who asked. It is the same errors for errors.Is as it was for the holder.
type Error struct {
	Problem
	// After is how long to wait before the next request, where the answer says so (Retry-After); 0: it does not.
	After time.Duration
}

func (e *Error) Error() string { return e.Detail }

// Unwrap gives the errors that it is.
func (e *Error) Unwrap() (list []error) {
	for _, name := range e.Kinds {
		for _, k := range kinds {
			if k.name == name {
				list = append(list, k.err)
			}
		}
	}
	return list
}

// readProblem makes an error of an answer that is none of success: an [Error], or a [ForeignError] of one that datagravity did not make.
func readProblem(status int, h http.Header, body []byte, where string) error {
	var p struct {
		Problem
		Code *int `json:"code"` // every problem of ours has it
	}
	after := retryafter.Of(h, time.Time{}) // a server of HTTP sends its date
	if !isMedia(h, problemMedia) || json.Unmarshal(body, &p) != nil || p.Detail == "" || p.Code == nil {
		return &ForeignError{Where: where, Status: status, Media: h.Get("Content-Type"), Server: h.Get("Server"), Location: h.Get("Location"), After: after}
	}
	p.Problem.Code = *p.Code
	return &Error{Problem: p.Problem, After: after}
}

// isMedia tells whether an answer is of a media type, whatever parameters that has.
func isMedia(h http.Header, want string) bool {
	got, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && got == want
}
