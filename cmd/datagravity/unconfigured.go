package main

import "github.com/datagravity/datagravity/pkg/config"

// nextStep is what a configuration still lacks before a daemon has anything to do, as a package installs it; "" if there is nothing. A service
// that refused to start until then would be a failed unit on every machine that the package was just installed on.
func nextStep(c *config.Config) string {
	lacks := ""
	switch {
	case len(c.Stores) == 0:
		lacks = "names no store"
	case len(c.Datasets) == 0:
		lacks = "names no dataset"
	case len(c.Destinations) == 0 && c.Agent.Role != config.Origin: // an origin publishes, and needs none
		lacks = "names no destination"
	default:
		return ""
	}
	return "nothing to do yet: " + c.Path + " " + lacks + "; datagravity init FILE writes a commented example. Then look at it with datagravity doctor, and have the daemon read it: systemctl reload datagravity, or SIGHUP"
}
