package access

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is what a token is for.
type Scope string

// The scopes.
const (
	Read   Scope = "read"
	Jobs   Scope = "jobs"
	Budget Scope = "budget"
	Admin  Scope = "admin"
)

// Scopes are all there are, in the order in which they are told.
func Scopes() []Scope { return []Scope{Read, Jobs, Budget, Admin} }

// ParseScopes reads names with commas between them.
func ParseScopes(text string) (list []Scope, err error) {
	for name := range strings.SplitSeq(text, ",") {
		s := Scope(strings.TrimSpace(name))
		if !slices.Contains(Scopes(), s) {
			return nil, fmt.Errorf("no scope %q; want one or more of read, jobs, budget, admin, with commas between them", s)
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// Allow tells whether who has some scopes may do what wants one. Whoever may change something may see it.
func Allow(have []Scope, want Scope) bool {
	if want == Read && len(have) > 0 {
		return true
	}
	return slices.Contains(have, want) || slices.Contains(have, Admin)
}
