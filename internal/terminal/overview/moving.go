package overview

import (
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	barCells   = 10
	sparkCells = 24
	// standsStill is after how long without a byte a transfer is said to.
	standsStill = time.Minute
)

// LinkName is a link as pause takes it; what is read for the index goes nowhere.
func LinkName(source, destination string) string {
	if destination == "" {
		return source + " (read for the index)"
	}
	return cost.Link{Source: source, Dest: destination}.Name()
}

func transfers(o observe.Overview) List {
	l := List{Name: "transfers", Empty: "no shard moves now", Columns: []terminal.Column{
		{Title: "SHARD", Least: 12}, {Title: "DATASET", Least: 6, Drop: 4}, {Title: "LINK", Least: 8, Drop: 2}, {Title: "WAY", Drop: 5}, {Title: "DONE", Drop: 3}, {Title: "", Right: true},
		{Title: "BYTES", Right: true}, {Title: "SPEED", Right: true, Drop: 1}, {Title: "SINCE", Drop: 6}, {Title: "JOB", Least: 6, Drop: 7},
	}}
	for i, t := range o.Transfers {
		c := newCells(t.Dataset+"\x00"+t.Destination+"\x00"+t.Path, i)
		done := ratio(float64(t.Moved+t.Resumed), float64(t.Bytes))
		speed, role := int64(0), terminal.Plain
		if d := t.Progress.Sub(t.Started).Seconds(); d > 0 {
			speed = int64(float64(t.Moved) / d)
		}
		if o.At.Sub(t.Progress) >= standsStill {
			role = terminal.Note
		}
		c.text(terminal.Accent, t.Path).text(terminal.Plain, t.Dataset).text(terminal.Plain, LinkName(t.Source, t.Destination)).text(terminal.Plain, t.Way)
		c.number(terminal.Plain, terminal.Bar(barCells, done), done).number(terminal.Plain, percent(done), done).size(t.Bytes)
		if role == terminal.Note {
			c.number(role, "still for "+long(o.At.Sub(t.Progress).Round(time.Second)), 0)
		} else {
			c.number(role, perSecond(speed), float64(speed))
		}
		c.when(&t.Started, o.At).text(terminal.Plain, t.Job)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

// PauseOf is the pause that holds a link, and whether there is one.
func PauseOf(list []cost.Pause, source, destination string) (cost.Pause, bool) {
	for _, p := range list {
		if p.Link == "*" || p.Link == source || p.Link == destination && destination != "" || p.Link == (cost.Link{Source: source, Dest: destination}).Name() {
			return p, true
		}
	}
	return cost.Pause{}, false
}

func links(o observe.Overview, speeds []observe.Speeds) List {
	l := List{Name: "links", Empty: "nothing has moved in the last half hour", Columns: []terminal.Column{
		{Title: "LINK", Least: 14}, {Title: "STATE"}, {Title: "SPEED", Right: true}, {Title: "LAST HALF HOUR", Drop: 3}, {Title: "SHARDS", Right: true, Drop: 1}, {Title: "FAILED", Right: true, Drop: 5},
		{Title: "DONE", Drop: 4}, {Title: "", Right: true, Drop: 2}, {Title: "BYTES", Right: true, Drop: 6}, {Title: "ETA"},
	}}
	for i, k := range o.Links {
		c := newCells(k.Source+"\x00"+k.Destination, i)
		state, role := "idle", terminal.Faint
		if k.Runs > 0 {
			state, role = "moves", terminal.Good
		}
		if _, paused := PauseOf(o.Pauses, k.Source, k.Destination); paused {
			state, role = "paused", terminal.Note
		}
		done := ratio(float64(k.DoneBytes), float64(k.Bytes))
		failed := terminal.Plain
		if k.Failed > 0 {
			failed = terminal.Bad
		}
		c.text(terminal.Accent, LinkName(k.Source, k.Destination)).text(role, state).number(terminal.Plain, perSecond(k.BytesPerSecond), float64(k.BytesPerSecond))
		c.number(terminal.Accent, terminal.Spark(sparkCells, speedsOf(speeds, k)), float64(k.BytesPerSecond))
		c.number(terminal.Plain, fmt.Sprintf("%d of %d", k.DoneShards, k.Shards), float64(k.Shards-k.DoneShards)).number(failed, fmt.Sprint(k.Failed), float64(k.Failed))
		c.number(terminal.Plain, terminal.Bar(barCells, done), done).number(terminal.Plain, percent(done), done)
		c.number(terminal.Plain, words.Size(k.DoneBytes)+" of "+words.Size(k.Bytes), float64(k.Bytes)).when(k.ETA, o.At)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

func speedsOf(list []observe.Speeds, k observe.Link) []int64 {
	for _, s := range list {
		if s.Source == k.Source && s.Destination == k.Destination {
			return s.Bytes
		}
	}
	return nil
}

// Total of all links: bytes a second, and shards done of all that the runs under way have.
func Total(list []observe.Link) (speed int64, done, shards int) {
	for _, k := range list {
		speed += k.BytesPerSecond
		if k.Runs > 0 {
			done, shards = done+k.DoneShards, shards+k.Shards
		}
	}
	return speed, done, shards
}
