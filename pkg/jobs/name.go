package jobs

import "github.com/datagravity/datagravity/internal/lazyre"

// namePattern takes the names of jobs, users and mail addresses, and nothing that a terminal or a shell would make something of.
var namePattern = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$`)

// ValidName tells whether a job, or the owner of a pin, can be called so.
func ValidName(s string) bool { return namePattern.MatchString(s) }
