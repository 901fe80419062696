package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// States of the process.
const (
	well   = "healthy"
	unwell = "unhealthy"
)

// damage tells of a problem, once a day: what is damaged is found again by every pass.
func (n *Notifier) damage(p observe.Problem) error {
	if n.silent() {
		return nil
	}
	sum := sha256.Sum256([]byte(p.Text + "\x00" + p.Error))
	at := name{aProblem, hex.EncodeToString(sum[:16])}
	now := manifest.At(n.o.Manifest.Now())
	var c change
	n.mu.Lock()
	for known, one := range n.states {
		if known.kind == aProblem && one.At <= now-freshAlerts {
			c.remove = append(c.remove, one)
		}
	}
	last, told := n.states[at]
	told = told && last.At > now-freshAlerts
	n.mu.Unlock()
	if told {
		return n.record(c)
	}
	c.put = append(c.put, manifest.Noticed{Kind: at.kind, Name: at.name, At: now})
	text := p.Text
	if p.Error != "" {
		text += ": " + p.Error
	}
	c.events = append(c.events, event{Integrity, "Damage was found: " + text, map[string]any{
		"kind": p.Kind, "level": p.Level, "text": p.Text, "error": p.Error, "about": p.About, "do": p.Do,
	}})
	return n.record(c)
}

// health tells when the process does not get on, and when it does again.
func (n *Notifier) health() error {
	if n.o.Healthy == nil || n.silent() {
		return nil
	}
	ok, why := n.o.Healthy()
	is := manifest.Noticed{Kind: aProcess, Name: "daemon", State: well, At: manifest.At(n.o.Manifest.Now())}
	if !ok {
		is.State = unwell
	}
	n.mu.Lock()
	was, known := n.states[name{is.Kind, is.Name}]
	n.mu.Unlock()
	c := change{put: []manifest.Noticed{is}}
	data := map[string]any{"why": short(why)}
	switch {
	case known && was.State == is.State:
		return nil
	case !ok:
		c.events = []event{{Unhealthy, fmt.Sprintf("datagravity at %s is not healthy: %s.", n.o.Agent.Name, why), data}}
	case known:
		c.events = []event{{Healthy, fmt.Sprintf("datagravity at %s is healthy again.", n.o.Agent.Name), data}}
	}
	return n.record(c)
}
