package config

import "strings"

// The roles of an agent for others.
const (
	Origin = "origin"
	Edge   = "edge"
)

// Whose budgets an edge reads on.
const (
	OriginBudget = "origin"
	OwnBudget    = "own"
)

// Granted are the stores of which an edge reads what the agent beside them grants.
func (c *Config) Granted() map[string]bool {
	if c.Agent.Role != Edge || c.Agent.Budget == OwnBudget {
		return nil
	}
	out := map[string]bool{}
	for _, d := range c.Datasets {
		out[d.Store] = true
	}
	return out
}

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
