package store

import "time"

// Time is what a store's own clock says now, to about a second, whatever this machine's does. When a service began an upload it tells by its
// clock; one that is compared with ours may be off by hours, in either direction, and ours may be set meanwhile. false: nobody knows, because
// nothing was asked of the service yet or because it tells no time.
func Time(s Store) (t time.Time, known bool) {
	if c, ok := s.(interface{ Time() (time.Time, bool) }); ok {
		return c.Time()
	}
	return time.Time{}, false
}
