package store

import (
	"fmt"
	"strings"
)

// Location says where a store or an agent is: a provider and a region or site, written "azure:eastus",
// "aws:us-east-1", "gcp:us-central1", "onprem:lab1". It decides what reading and writing cost.
type Location struct {
	Provider string
	Region   string
}

// Providers that a Location can name. r2 (Cloudflare), b2 (Backblaze) and oracle are opened as s3:// with an endpoint; their
// names decide prices alone.
var Providers = []string{"azure", "aws", "gcp", "r2", "b2", "oracle", "onprem"}

// ParseLocation reads "provider:region".
func ParseLocation(s string) (Location, error) {
	p, r, ok := strings.Cut(s, ":")
	if !ok || p == "" || r == "" {
		return Location{}, fmt.Errorf("location %q: want provider:region, for example azure:eastus or onprem:lab1", s)
	}
	for _, known := range Providers {
		if p == known {
			return Location{Provider: p, Region: strings.ToLower(r)}, nil
		}
	}
	return Location{}, fmt.Errorf("location %q: unknown provider %q (known: %s)", s, p, strings.Join(Providers, ", "))
}

// String is the form that ParseLocation reads.
func (l Location) String() string {
	if l == (Location{}) {
		return ""
	}
	return l.Provider + ":" + l.Region
}

// IsZero tells that no location is known.
func (l Location) IsZero() bool { return l == Location{} }

// MarshalText and UnmarshalText let configuration and JSON carry the string form.
func (l Location) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the string form; empty text is the zero Location.
func (l *Location) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*l = Location{}
		return nil
	}
	v, err := ParseLocation(string(b))
	if err == nil {
		*l = v
	}
	return err
}
