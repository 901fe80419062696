package operate

import (
	"context"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Pauses are the links that are paused.
func (l *Local) Pauses(context.Context) ([]cost.Pause, error) { return pauses(l.Sync.Manifest.Dir()) }

// SetPause pauses a link, or lets it go on.
func (l *Local) SetPause(_ context.Context, link string, paused bool) ([]cost.Pause, error) {
	list, err := SetPause(l.Sync.Manifest.Dir(), l.Catalog.Links(), link, paused, l.now())
	if err == nil {
		l.changed()
	}
	return list, err
}

// SetPause pauses one of the known links in a state directory, or lets it go on. Nobody need hold the manifest, and somebody may. A link that no transfer
// can have is refused: a pause that stops nothing is worse than none.
func SetPause(stateDir string, links []string, link string, paused bool, now time.Time) ([]cost.Pause, error) {
	if link == "" {
		link = every
	}
	if paused && link != every && !slices.Contains(links, link) {
		return nil, mistakef("no link %q; a link is SOURCE->DESTINATION of configured names", link)
	}
	if err := cost.SetPause(stateDir, link, paused, now); err != nil {
		return nil, err
	}
	return pauses(stateDir)
}

// every stands for every link.
const every = "*"

func pauses(stateDir string) ([]cost.Pause, error) {
	list, err := cost.Pauses(stateDir)
	if list == nil {
		list = []cost.Pause{}
	}
	return list, err
}
