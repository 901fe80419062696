package exchange

import (
	"errors"
	"fmt"
)

var (
	// ErrBad: an object is gone, damaged, about something else, or not what names it. The text names the object.
	ErrBad = errors.New("not usable")
	// ErrStale: a reference is older than one that was seen; it is [ErrBad], too.
	ErrStale = errors.New("older than what was seen before")
	// ErrVersion: an object was written by a newer datagravity; it is [ErrBad], too.
	ErrVersion = errors.New("of a version that this datagravity does not know")
	// ErrRaced: another agent published in the meantime, or wrote the mark of its ledger. Doing it again builds on what it wrote.
	ErrRaced = errors.New("another agent wrote here in the meantime")
	// ErrNoRecipe is what [Snapshot.Recipe] answers when a recipe is lost: the shard is published without one.
	ErrNoRecipe = errors.New("no such recipe")
)

// What to do about an object that is not usable.
const (
	// Publish proves reference and publication each time, and lists the packs.
	againHint = "the origin's next index publishes it again"
	// Nobody at the origin reads whole packs.
	removeHint = "remove the object, and " + againHint
)

// bad says what is wrong with an object and what to do.
func bad(key, hint, format string, args ...any) error {
	return fmt.Errorf("%s is %w: %w; %s", key, ErrBad, fmt.Errorf(format, args...), hint)
}
