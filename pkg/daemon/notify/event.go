package notify

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// The types of events.
const (
	JobReady        = "job.ready"
	JobLate         = "job.late"
	JobOnTime       = "job.on_time"
	JobHeld         = "job.held"
	JobBlocked      = "job.blocked"
	BudgetThreshold = "budget.threshold"
	BudgetAsk       = "budget.ask"
	BudgetDoubt     = "budget.doubt"
	Integrity       = "integrity.failure"
	Unhealthy       = "daemon.unhealthy"
	Healthy         = "daemon.healthy"
	// Test is what nobody asks for but notify test.
	Test = "test"
)

// Types are all that a target can want.
var Types = []string{JobReady, JobLate, JobOnTime, JobHeld, JobBlocked, BudgetThreshold, BudgetAsk, BudgetDoubt, Integrity, Unhealthy, Healthy}

// Agent is who tells.
type Agent struct {
	Name     string `json:"name"`
	Location string `json:"location"`
}

// message is an event as it is sent.
type message struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Agent     Agent     `json:"agent"`
	// Text says it in a sentence; receivers of chats show it.
	Text string `json:"text"`
	Data any    `json:"data"`
}

// event is something that happened.
type event struct {
	kind string
	text string
	data any
}

// mostBody is more than any event has: its texts are cut.
const mostBody = 32 << 10

// encode makes what is sent of an event.
func encode(e event, a Agent, at time.Time) (manifest.Notice, error) {
	id := newID(at)
	body, err := json.Marshal(message{id, e.kind, at.UTC().Truncate(time.Millisecond), a, short(e.text), e.data})
	if err == nil && len(body) > mostBody {
		body, err = json.Marshal(message{id, e.kind, at.UTC().Truncate(time.Millisecond), a, short(e.text), struct{}{}})
	}
	return manifest.Notice{ID: id, Event: e.kind, Body: body, At: manifest.At(at)}, err
}

// newID is unique, and in the order of time.
func newID(at time.Time) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("msg_%012x%s", at.UnixMilli(), hex.EncodeToString(b[:]))
}

// short bounds a text that others wrote.
func short(s string) string {
	const most = 1000
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// wants tells whether a list of events, or of groups of them, has one; an empty list has all.
func wants(events []string, kind string) bool {
	group, _, _ := strings.Cut(kind, ".")
	return len(events) == 0 || kind == Test || slices.Contains(events, kind) || slices.Contains(events, group+".*")
}
