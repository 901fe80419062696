package open

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/store"
)

// form is one kind of URL.
type form struct {
	example string
	// params that the backend reads, each with a check of its value.
	params map[string]func(string) error
	// path: the URL's path names a directory; otherwise it names nothing.
	path bool
}

var forms = map[string]form{
	"azblob": {
		example: "azblob://CONTAINER?storage_account=NAME",
		params: map[string]func(string) error{
			"storage_account": match(`^[a-z0-9]{3,24}$`, "3 to 24 lower-case letters and digits"),
			"domain":          domain,
			"protocol":        match(`^https?$`, "https, or http for an emulator"),
			"localemu":        boolean,
		},
	},
	"s3": {
		example: "s3://BUCKET?region=us-east-1",
		params: map[string]func(string) error{
			"region": match(`^[a-zA-Z0-9-]+$`, "a region such as us-east-1"), "profile": anything, "role": anything,
			"endpoint":  endpoint,
			"anonymous": boolean, "dualstack": boolean, "fips": boolean, "accelerate": boolean, "use_path_style": boolean,
			"s3ForcePathStyle": boolean, "hostname_immutable": boolean, "disable_https": boolean, "assembled_checksums": boolean,
			"ssetype": match(`^(AES256|aws:kms|aws:kms:dsse)$`, "AES256, aws:kms or aws:kms:dsse"), "kmskeyid": anything,
		},
	},
	"gs": {
		example: "gs://BUCKET",
		params:  map[string]func(string) error{"endpoint": endpoint},
	},
	"file": {
		example: "file:///ABSOLUTE/PATH?create_dir=true",
		params:  map[string]func(string) error{"create_dir": boolean},
		path:    true,
	},
	"mem": {
		example: "mem://NAME?location=azure:eastus",
		params: map[string]func(string) error{
			"location": func(v string) error { _, err := store.ParseLocation(v); return err },
			"min_part_bytes": func(v string) error {
				if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < 1 {
					return fmt.Errorf("want a number of bytes from 1 on")
				}
				return nil
			},
		},
	},
}

func validForms() string {
	var all []string
	for _, scheme := range slices.Sorted(maps.Keys(forms)) {
		all = append(all, forms[scheme].example)
	}
	return strings.Join(all, ", ")
}

func anything(v string) error {
	if v == "" {
		return fmt.Errorf("is empty")
	}
	return nil
}

func boolean(v string) error {
	if _, err := strconv.ParseBool(v); err != nil {
		return fmt.Errorf("want true or false")
	}
	return nil
}

func match(pattern, want string) func(string) error {
	re := lazyre.New(pattern)
	return func(v string) error {
		if !re.MatchString(v) {
			return fmt.Errorf("want %s", want)
		}
		return nil
	}
}

func endpoint(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("want https://HOST or http://HOST:PORT")
	case u.User != nil:
		return fmt.Errorf("credentials do not belong in an endpoint")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("want a host and at most a path")
	}
	return notLinkLocal(u.Hostname())
}

func domain(v string) error {
	u, err := url.Parse("https://" + v)
	if err != nil || u.Host != v || v == "" {
		return fmt.Errorf("want a host name, for example blob.core.windows.net")
	}
	return notLinkLocal(u.Hostname())
}

// notLinkLocal refuses early what the client would refuse to dial.
func notLinkLocal(host string) error {
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.Unmap().WithZone("").IsLinkLocalUnicast() {
		return fmt.Errorf("link-local addresses are never a store")
	}
	return nil
}

// nearest returns the known word that a misspelt one most likely means, "" if none is near.
func nearest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = 1 // a word that was cut short
		}
		if d < distance {
			best, distance = k, d
		}
	}
	return best
}
