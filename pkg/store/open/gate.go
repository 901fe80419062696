package open

import (
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/trace"
)

// gates are the limits of each scheme that is not paced as the public clouds are.
var gates = map[string]pace.Options{
	// Eight writers keep a disk or a file server busy, and every part is made durable before it counts; more than 16 only
	// make a spinning disk seek.
	"file": {Start: 8, Max: 16},
	// Memory bears whatever is asked of it.
	"mem": {Start: pace.DefaultMax, Max: pace.DefaultMax},
}

// gateFor makes the gate of a store; requests is the most in flight, 0: what is right for the scheme.
func gateFor(scheme string, requests int) *pace.Gate {
	o := gates[scheme]
	if requests > 0 {
		o.Max = requests
	}
	return pace.NewGate(o)
}

// Requests tells how the requests of a store from [Open] stand; false for any other store.
func Requests(s store.Store) (pace.Counters, bool) {
	if t, traced := s.(*trace.Store); traced {
		s = t.Unwrap()
	}
	r, ok := s.(*retry.Store)
	if !ok {
		return pace.Counters{}, false
	}
	p, ok := r.Store.(*pace.Store)
	if !ok {
		return pace.Counters{}, false
	}
	return p.Counters(), true
}
