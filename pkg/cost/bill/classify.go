package bill

import "strings"

// Meter is what a provider bills transfers by, as far as our links are told apart by it.
type Meter struct {
	Provider string `json:"provider"`
	// Region that the bytes leave; "" for Google, whose meters count all regions together.
	Region string `json:"region,omitempty"`
	Kind   Kind   `json:"kind"`
	// To is the region that they go to, where the meter depends on it: between regions of AWS.
	To string `json:"to,omitempty"`
}

// String names the meter: "azure:eastus internet", "aws:us-west-2 inter-region to eu-west-1".
func (m Meter) String() string {
	s := m.Provider
	if m.Region != "" {
		s += ":" + m.Region
	}
	s += " " + string(m.Kind)
	if m.To != "" {
		s += " to " + m.To
	}
	return s
}

// MeterOf is the meter that bytes from one region of a provider to another place are billed by.
func MeterOf(provider, region, toProvider, toRegion string) Meter {
	m := Meter{Provider: provider, Region: strings.ToLower(region), Kind: Internet}
	if provider == toProvider {
		m.Kind = InterRegion
		if provider == "aws" {
			m.To = strings.ToLower(toRegion)
		}
	}
	if provider == "gcp" {
		m.Region = ""
	}
	return m
}

// Classify tells what a row counts, and for transfers by which meter.
func Classify(row Row) Meter {
	usage := row.UsageType
	if row.Provider == "aws" && usage == "" {
		usage = describedUsage(row.Description)
	}
	m := Meter{Provider: row.Provider, Region: row.Region, Kind: kindOf(row, usage)}
	if !compared[m.Kind] {
		return m
	}
	switch row.Provider {
	case "aws":
		from, to := usageRegions(usage, row.Region)
		m.Region = or(row.Region, from)
		if m.Kind == InterRegion {
			m.To = or(to, describedTarget(row.Description))
		}
	case "gcp":
		m.Region = ""
	}
	return m
}

// compiled are the rules with their patterns in lower case and cut at each *.
var compiled = func() []compiledRule {
	list := make([]compiledRule, len(rules))
	for i, r := range rules {
		list[i] = compiledRule{r, strings.Split(strings.ToLower(r.pattern), "*")}
	}
	return list
}()

type compiledRule struct {
	rule
	parts []string
}

func kindOf(row Row, usage string) Kind {
	// Microsoft's and Google's descriptions are the meter's name, where nothing else says it.
	texts := [...][2]string{
		bySku: {row.Sku}, byMeterID: {row.MeterID}, byUsageType: {usage}, byMeterText: {row.MeterText, row.Description},
		byService: {row.Service}, byDescription: {row.Description},
	}
	for f := range texts {
		for i := range texts[f] {
			texts[f][i] = strings.ToLower(texts[f][i])
		}
	}
	for i := range compiled {
		r := &compiled[i]
		if r.provider == row.Provider && (like(r.parts, texts[r.field][0]) || like(r.parts, texts[r.field][1])) {
			return r.kind
		}
	}
	return Other
}

// like matches the parts of a pattern, between which anything may stand.
func like(parts []string, s string) bool {
	first, last := parts[0], parts[len(parts)-1]
	switch {
	case s == "":
		return false
	case len(parts) == 1:
		return s == first
	case !strings.HasPrefix(s, first):
		return false
	}
	s = s[len(first):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

// classifier remembers what rows of one kind are, since a bill has few kinds and many rows.
type classifier struct {
	known map[signature]Meter
}

// signature is all that Classify looks at.
type signature struct{ provider, region, sku, meterID, usage, service, text, description string }

// maxKnown and maxText bound the memory for descriptions that are all different, or long.
const (
	maxKnown = 1 << 14
	maxText  = 1 << 10
)

func (c *classifier) classify(row Row) Meter {
	s := signature{row.Provider, row.Region, row.Sku, row.MeterID, row.UsageType, row.Service, row.MeterText, row.Description}
	if m, ok := c.known[s]; ok {
		return m
	}
	m := Classify(row)
	if len(row.Description)+len(row.MeterText)+len(row.Service)+len(row.UsageType) > maxText {
		return m.clone()
	}
	if len(c.known) >= maxKnown || c.known == nil {
		c.known = make(map[signature]Meter, 256)
	}
	s = s.clone()
	m = m.clone()
	c.known[s] = m
	return m
}

// clone lets go of the row that the texts are part of.
func (m Meter) clone() Meter {
	m.Provider, m.Region, m.To = strings.Clone(m.Provider), strings.Clone(m.Region), strings.Clone(m.To)
	return m
}

func (s signature) clone() signature {
	for _, f := range []*string{&s.provider, &s.region, &s.sku, &s.meterID, &s.usage, &s.service, &s.text, &s.description} {
		*f = strings.Clone(*f)
	}
	return s
}
