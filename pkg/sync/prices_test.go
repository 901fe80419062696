package sync

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// S3 with an endpoint does not tell whose it is; its location does.
func TestRequestPrices(t *testing.T) {
	for _, c := range []struct{ own, provider, want string }{
		{"", "r2", "r2"},
		{"", "b2", "b2"},
		{"", "oracle", "oracle"},
		{"", "onprem", ""},
		{"", "aws", ""}, // not Amazon's, whatever its location says
		{"aws", "aws", "aws"},
		{"aws", "r2", "aws"},
	} {
		st := mem.New(mem.Options{RequestPrices: c.own})
		if got := requestPrices(st, store.Location{Provider: c.provider, Region: "x"}); got != c.want {
			t.Errorf("a store that says %q in %s: %q, want %q", c.own, c.provider, got, c.want)
		}
	}
}
