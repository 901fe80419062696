package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// GrantState is how far a grant has got, as its keys tell. Whether it was granted is not among it.
type GrantState struct {
	Edge, ID string
	Asked    bool // there is a request
	Claimed  bool
	Settled  bool
	Modified time.Time // of the youngest of these, by the store's clock
}

// GrantStates lists what edges asked for, in byte order of the keys. Beside those that are good it returns [ErrBad] for each key that ends
// as ours do and is not one; with any other error, the store's, there is no list. Nothing is read.
func GrantStates(ctx context.Context, l Lister) ([]GrantState, error) {
	var list []GrantState
	var wrong []error
	err := listAll(ctx, l, asksPrefix, func(o store.Object) error {
		c, suffix, ok := cornerOfAsk(o.Key)
		switch {
		case suffix == "":
			return nil
		case !ok:
			wrong = append(wrong, bad(o.Key, "remove the object", "its key is not that of an edge's grant"))
			return nil
		}
		// The objects of a corner follow each other.
		if n := len(list); n == 0 || list[n-1].Edge != c.edge || list[n-1].ID != c.id {
			list = append(list, GrantState{Edge: c.edge, ID: c.id})
		}
		s := &list[len(list)-1]
		s.Asked = s.Asked || suffix == requestSuffix
		s.Claimed = s.Claimed || suffix == claimSuffix
		s.Settled = s.Settled || suffix == settlementSuffix
		if o.Modified.After(s.Modified) {
			s.Modified = o.Modified
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read which grants are asked for: %w", err)
	}
	return list, errors.Join(wrong...)
}

// cornerOfAsk is whose request, claim or settlement a key is. Without a suffix it is none of them.
func cornerOfAsk(key string) (c corner, suffix string, ok bool) {
	for _, suffix := range []string{requestSuffix, claimSuffix, settlementSuffix} {
		if strings.HasSuffix(key, suffix) {
			c, ok := cornerOfDocument(key, asksPrefix, suffix)
			return c, suffix, ok
		}
	}
	return c, "", false
}
