package open

import (
	"fmt"
	"net/url"
	"strconv"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// memory holds the stores in memory by name, so that a daemon under test and the test see the same objects. They live as
// long as the process.
var memory = struct {
	sync.Mutex
	stores map[string]*mem.Store
	params map[string]string
}{stores: map[string]*mem.Store{}, params: map[string]string{}}

// shared returns the store of a mem:// URL, made at the first opening. A later URL must say the same or nothing.
func shared(u *url.URL) (store.Store, error) {
	q := u.Query()
	memory.Lock()
	defer memory.Unlock()
	if s, ok := memory.stores[u.Host]; ok {
		if p := q.Encode(); p != "" && p != memory.params[u.Host] {
			return nil, &store.Error{Op: "open", Store: "mem://" + u.Host, Kind: store.ErrPermanent, NotSent: true,
				Err: fmt.Errorf("is open already with the parameters %q", memory.params[u.Host])}
		}
		return s, nil
	}
	o := mem.Options{URL: "mem://" + u.Host}
	if at, err := store.ParseLocation(q.Get("location")); err == nil {
		o.Provider, o.Region = at.Provider, at.Region
		if at.Provider != "onprem" {
			o.RequestPrices = at.Provider
		}
	}
	if n, err := strconv.ParseInt(q.Get("min_part_bytes"), 10, 64); err == nil {
		o.Parts.MinBytes = n
	}
	s := mem.New(o)
	memory.stores[u.Host], memory.params[u.Host] = s, q.Encode()
	return s, nil
}
