package config

import "strings"

// The roles of an agent for others.
const (
	Origin = "origin"
	Edge   = "edge"
)

// NameOr is the agent's name, or one made of what else it may be called by, such as the machine's host name.
func (a Agent) NameOr(other func() (string, error)) string {
	if a.Name != "" {
		return a.Name
	}
	name, err := other()
	if name, _, _ = strings.Cut(name, "."); err == nil && namePattern.MatchString(name) {
		return name
	}
	return "agent"
}
