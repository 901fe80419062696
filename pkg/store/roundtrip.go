package store

import "time"

// RoundTrip is the least time in which a store answered a request that moved no content so far: the way there and back, and
// what every request takes. 0 means that nobody knows: too few requests were made, or no gate stands
// before the store.
func RoundTrip(s Store) time.Duration {
	if m, ok := s.(interface{ RoundTrip() time.Duration }); ok {
		return m.RoundTrip()
	}
	return 0
}
