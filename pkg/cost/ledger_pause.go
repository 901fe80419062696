package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/internal/filelock"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrPaused: the link is paused; nothing new is reserved until it is resumed.
var ErrPaused = errors.New("paused")

// Pause is one line of paused.json.
type Pause struct {
	Link  string    `json:"link"` // "*" for every link
	Since time.Time `json:"since"`
}

const pauseFile = "paused.json"

// Pauses reads which links are paused. It is a file of its own, so that pausing works while a sync holds the manifest.
func Pauses(stateDir string) ([]Pause, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, pauseFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Pause
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w; delete it to resume everything", filepath.Join(stateDir, pauseFile), err)
	}
	return list, nil
}

// SetPause pauses or resumes a link ("*": all). Resuming "*" resumes everything. It is durable when it returns. Of several at the same moment, in whatever
// process, each counts: a pause that is lost lets money go on being spent.
func SetPause(stateDir, link string, paused bool, now time.Time) error {
	unlock, err := filelock.Lock(filepath.Join(stateDir, pauseFile+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	list, err := Pauses(stateDir)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(p Pause) bool { return p.Link == link || (!paused && link == "*") })
	if paused {
		list = append(list, Pause{Link: link, Since: now.UTC()})
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return manifest.WriteFile(filepath.Join(stateDir, pauseFile), append(b, '\n'), 0o600)
}

// pauseCheckEvery bounds how long a pause takes to be seen.
const pauseCheckEvery = 300 * time.Millisecond

// pauseCache avoids reading the file for every part.
type pauseCache struct {
	mu      sync.Mutex
	checked time.Time
	list    []Pause
}

// Gate says [ErrPaused] while a link is paused. Every part asks before it moves.
func (l *Ledger) Gate(link Link) error {
	l.pauses.mu.Lock()
	defer l.pauses.mu.Unlock()
	if now := l.m.Now(); now.Sub(l.pauses.checked).Abs() > pauseCheckEvery {
		list, err := Pauses(l.m.Dir())
		if err != nil {
			return err
		}
		l.pauses.list, l.pauses.checked = list, now
	}
	for _, p := range l.pauses.list {
		if p.Link == "*" || p.Link == link.Name() || p.Link == link.Dest || p.Link == link.Source {
			return fmt.Errorf("%w: link %s since %s; datagravity resume --link '%s' lets it go on",
				ErrPaused, link.Name(), p.Since.Format(time.RFC3339), p.Link)
		}
	}
	return nil
}
