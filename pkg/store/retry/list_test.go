package retry_test

import (
	"context"
	"errors"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/retry"
)

// circling answers each page with the token that it was asked with, from the second one on.
type circling struct {
	store.Store
	pages int
}

func (c *circling) List(context.Context, store.ListOptions) (store.Page, error) {
	c.pages++
	return store.Page{Next: "here"}, nil
}

// A listing that does not get on ends; each of its pages may be paid for.
func TestListingThatGoesInACircle(t *testing.T) {
	c := &circling{Store: mem.New(mem.Options{})}
	s := retry.Wrap(c, retry.Policy{})
	var err error
	for token := ""; err == nil && c.pages < 10; {
		var p store.Page
		if p, err = s.List(t.Context(), store.ListOptions{Token: token}); err == nil {
			token = p.Next
		}
	}
	if !errors.Is(err, store.ErrPermanent) || c.pages != 2 {
		t.Errorf("%v after %d pages", err, c.pages)
	}
}
