package choose_test

import (
	"fmt"
	"testing"

	"github.com/datagravity/datagravity/pkg/sync/choose"
	"github.com/datagravity/datagravity/pkg/sync/choose/choosetest"
)

// TestLarge looks at problems where neither an exhaustive search nor the exact one reaches: nothing passes a budget, no value its bound, and
// what runs is complete.
func TestLarge(t *testing.T) {
	for _, l := range []choosetest.Large{
		{Shards: 20_000, Jobs: 200},
		{Shards: 20_000, Jobs: 200, OneDay: true},
		{Shards: 20_000, Jobs: 200, Scattered: true},
		{Shards: 20_000, Jobs: 200, Scattered: true, OneDay: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			p := l.Problem()
			c, err := choose.Choose(p)
			if err != nil {
				t.Fatal(err)
			}
			for b, u := range c.Budgets {
				left := p.Budgets[b]
				if left.LeftNanoUSD >= 0 && u.NanoUSD > left.LeftNanoUSD || left.LeftBytes >= 0 && u.Bytes > left.LeftBytes {
					t.Errorf("%s: %+v is used of %+v", left.Name, u, left)
				}
			}
			for _, r := range c.Run {
				for _, s := range p.Jobs[r.Job].Shards {
					if c.Source[s] == choose.Later {
						t.Fatalf("%s runs without shard %d", p.Jobs[r.Job].ID, s)
					}
				}
			}
			detours := 0
			for _, r := range c.Run {
				detours += r.Detours
			}
			for i, cl := range c.Classes {
				if cl.Value > cl.Bound {
					t.Errorf("class %d: value %d passes the bound %d", i, cl.Value, cl.Bound)
				}
			}
			if len(c.Run) == 0 || len(c.Held) == 0 || detours == 0 {
				t.Errorf("%d run, %d are held, %d detours: this is no hard problem", len(c.Run), len(c.Held), detours)
			}
		})
	}
}
