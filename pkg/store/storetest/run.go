package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Case is one promise of the Store contract.
type Case struct {
	Name string
	// Run tries the promise on e.Store and removes what it made, also when ctx ends. An error says what was wanted and
	// what happened.
	Run func(ctx context.Context, e *Env) error
}

// cleanUpTime is how long a case may take to remove its objects after its context has ended.
const cleanUpTime = 2 * time.Minute

// Cases are all promises, in an order in which the first failure is the most telling one.
func Cases() []Case {
	var cs []Case
	for _, group := range [][]Case{listCases, readCases, putCases, uploadCases, completeCases, copyCases, partCopyCases, deleteCases, nameCases, usageCases} {
		for _, c := range group {
			cs = append(cs, Case{Name: c.Name, Run: func(ctx context.Context, e *Env) (err error) {
				e = e.within(c.Name)
				defer func() {
					ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
					defer cancel()
					err = errors.Join(err, e.clean(ctx))
				}()
				return c.Run(ctx, e)
			}})
		}
	}
	return cs
}

// Run is the suite as subtests of t. It fails on declared quirks that were not seen, unless -run chose only some cases.
func Run(t *testing.T, s store.Store, o Options) {
	t.Helper()
	e := NewEnv(s, o)
	ran := 0
	cases := Cases()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ran++
			before := len(e.NotProven())
			err := c.Run(t.Context(), e)
			for _, n := range e.NotProven()[before:] {
				t.Log(n)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	if ran == len(cases) {
		for _, q := range e.Unobserved() {
			t.Errorf("quirk %s is declared, but was not seen: remove it from Options.Quirks", q)
		}
	}
	t.Log(closing(s, ran, len(cases), e))
}

func closing(s store.Store, ran, all int, e *Env) string {
	line := fmt.Sprintf("conformance of %s: %d of %d cases ran", s.URL(), ran, all)
	if n := len(e.NotProven()); n > 0 {
		line += fmt.Sprintf(", %d findings not proven here", n)
	}
	return line
}
