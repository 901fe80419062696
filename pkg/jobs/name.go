package jobs

import "regexp"

// namePattern takes the names of jobs, users and mail addresses, and nothing that a terminal or a shell would make something of.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$`)

// ValidName tells whether a job, or the owner of a pin, can be called so.
func ValidName(s string) bool { return namePattern.MatchString(s) }
