package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

func (d *document) checkLinks(c *Config) {
	sure := d.Err() == nil
	for i := range c.Links {
		l := &c.Links[i]
		f := field{"links"}.Index(i)
		from := side{"store", names(c.Stores), c.sourceLocations(), sure, linkInVain}
		l.From = d.selector(f.Child("from"), l.From, from)
		to := side{"destination or store", slices.Concat(names(c.Destinations), names(c.Stores)), c.destinationLocations(), sure, linkInVain}
		l.To = d.selector(f.Child("to"), l.To, to)
		if _, isStore := c.Stores[l.To]; isStore && sure && l.onlyStore(c) && len(c.destinationsIn(l.To)) == 0 {
			d.Wrong(f.Child("to"), "no destination is in store %q, so that %s (destinations: %s)", l.To, linkInVain, orNone(names(c.Destinations)))
		}
		d.checkTimetable(f, *l)
	}
}

// onlyStore tells whether what is named as destination can be nothing but a store.
func (l Link) onlyStore(c *Config) bool {
	_, isDestination := c.Destinations[l.To]
	return !isDestination && !slices.Contains(store.Providers, l.To)
}

func (d *document) checkTimetable(f field, l Link) {
	lines := f.Child("bandwidth")
	if d.IsSet(lines) && len(l.Bandwidth) == 0 {
		d.Wrong(lines, "has no line; give a rate, for example [2Gbit/s], or take the link out")
	}
	_, err := l.timetable()
	var line *pace.LineError
	switch {
	case err == nil:
	case errors.As(err, &line):
		d.Wrong(lines.Index(line.Line), "%q: %s", line.Text, line.Message)
	default:
		d.Wrong(f.Child("zone"), "%v", err)
	}
}

func (l Link) timetable() (*pace.Timetable, error) { return pace.ParseTimetable(l.Bandwidth, l.Zone) }

// LinkLimits returns the limits of links as pace.Links enforces them. A store's name in "to" covers every destination in it.
// An error means that the configuration does not come from [Load], which refuses what cannot be read.
func (c *Config) LinkLimits() ([]pace.Limit, error) {
	out := make([]pace.Limit, 0, len(c.Links))
	times := map[string]int{}
	for i, l := range c.Links {
		table, err := l.timetable()
		if err != nil {
			return nil, &Error{Path: c.Path, Field: field{"links"}.Index(i).String(), Message: err.Error()}
		}
		name := orAny(l.From) + "->" + orAny(l.To)
		if times[name]++; times[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, times[name])
		}
		to := c.destinationsIn(l.To)
		if len(to) == 0 {
			to = []string{l.To}
		}
		out = append(out, pace.Limit{Name: name, Table: table, Covers: func(link pace.Link) bool {
			return slices.ContainsFunc(to, func(to string) bool {
				return cost.Budget{From: l.From, To: to}.Covers(cost.Link(link))
			})
		}})
	}
	return out, nil
}

func orAny(selector string) string {
	if selector == "" {
		return "any"
	}
	return selector
}
