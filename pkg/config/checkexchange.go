package config

// checkExchange: where agents tell each other about a store, bytes must cost what they cost there, and it must be clear what they are about.
func (d *document) checkExchange(f field, name string, c *Config) {
	s := c.Stores[name]
	other, known := c.Stores[s.Exchange]
	switch {
	case s.Exchange == "":
		return
	case !known:
		checkKnown(d, f, "store", s.Exchange, c.Stores)
	case s.Exchange == name:
		d.Wrong(f, "%s is the store itself, which is the default; leave it out", name)
	case other.Location != s.Location:
		d.Wrong(f, "%s is in %s, and %s in %s; choose one in the same location, so that what agents read there costs what it costs here", s.Exchange, other.Location, name, s.Location)
	case other.Exchange != "":
		d.Wrong(f, "%s has an exchange of its own; choose a store that is for nothing else", s.Exchange)
	}
	for _, dataset := range names(c.Datasets) {
		if c.Datasets[dataset].Store == s.Exchange && known && s.Exchange != name {
			d.Wrong(f, "%s has datasets of its own, %s for one; choose a store that is for nothing else", s.Exchange, dataset)
			return
		}
	}
	for _, third := range names(c.Stores) {
		if third < name && c.Stores[third].Exchange == s.Exchange {
			d.Wrong(f, "%s is the exchange of %s already; each store needs its own", s.Exchange, third)
			return
		}
	}
}
