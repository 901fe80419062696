package config

import (
	"fmt"
	"strconv"
	"strings"
)

// What the words of a destination can be that say what may be replaced or removed there.
var (
	pinnedWords   = []string{"block", "snapshots"}
	deletionWords = []string{"keep", "propagate"}
	evictWords    = []string{"none", "unpinned-lru"}
)

// checkRoom looks at what may be replaced or removed at a destination. What would do nothing is refused: whoever wrote it counts on
// it.
func (d *document) checkRoom(f field, v Destination) {
	pinned, deletions, limit, capacity, evict := f.Child("when_pinned"), f.Child("deletions"), f.Child("deletion_limit"), f.Child("capacity"), f.Child("evict")
	d.checkWord(pinned, v.WhenPinned, pinnedWords)
	d.checkWord(deletions, v.Deletions, deletionWords)
	d.checkWord(evict, v.Evict, evictWords)
	if v.Layout == "snapshots" {
		if v.WhenPinned == "snapshots" {
			d.Wrong(pinned, "layout snapshots never replaces a shard; leave when_pinned out")
		}
		if v.Deletions == "propagate" {
			d.Wrong(deletions, "in layout snapshots each snapshot has what it names; leave it out, and let datagravity prune remove old snapshots")
		}
	}
	if d.IsSet(limit) && v.Deletions == "keep" {
		d.Wrong(limit, "limits nothing while deletions are kept; set deletions: propagate, or leave it out")
	}
	if d.IsSet(capacity) && v.Capacity <= 0 {
		d.Wrong(capacity, "must be more than 0; leave it out for no limit")
	}
	if v.Evict != "none" && !d.IsSet(capacity) {
		d.Wrong(evict, "nothing is evicted without a capacity; give capacity, or leave evict out")
	}
}

// String is the form that UnmarshalText reads: "10%".
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// MarshalText writes the form of String.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads 10%, 0.5% and the like. A number without the sign is refused: 0.1 could mean a tenth of it or a thousandth.
func (p *Percent) UnmarshalText(b []byte) error {
	number, sign := strings.CutSuffix(string(b), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !sign || !(v >= 0 && v <= 100) {
		return fmt.Errorf("share %q: write it as 10%% or 0.5%%, from 0%% to 100%%", b)
	}
	*p = Percent(v)
	return nil
}
