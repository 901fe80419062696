package mem

import "maps"

// Stats are what a store was asked since it was made, by operation ("list", "head", "read", "put", "copy", "delete",
// "create-upload", "part", "part-copy", "list-parts", "complete", "abort", "list-uploads"). Tests use them as the truth that a ledger
// is compared with.
type Stats map[string]OpStats

// OpStats count one operation. Reads of length zero and refused names are no requests.
type OpStats struct {
	Requests      int64
	Failures      int64
	SentBytes     int64 // payload that travelled to the store, also with requests that it refused
	ReceivedBytes int64 // payload that travelled from the store
	CopiedBytes   int64 // payload that moved inside the store
}

// Total sums all operations.
func (s Stats) Total() OpStats {
	var t OpStats
	for _, o := range s {
		t = t.plus(o)
	}
	return t
}

func (s Stats) add(op string, o OpStats) { s[op] = s[op].plus(o) }

func (o OpStats) plus(p OpStats) OpStats {
	o.Requests += p.Requests
	o.Failures += p.Failures
	o.SentBytes += p.SentBytes
	o.ReceivedBytes += p.ReceivedBytes
	o.CopiedBytes += p.CopiedBytes
	return o
}

// Stats returns a copy of the counts so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.stats)
}
