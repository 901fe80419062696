package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/datagravity/datagravity/pkg/store/open"
)

func (d *document) checkStore(f field, s Store, allowInsecure bool) {
	d.checkRegion(f.Child("location"), s.Location)
	if s.Requests < 0 || s.Requests > mostParallel {
		d.Wrong(f.Child("requests"), "%d: want 1 to %d, or leave it out", s.Requests, mostParallel)
	}
	d.checkRouting(f.Child("routing"), s)
	at := f.Child("url")
	if !d.OK(at) {
		return
	}
	endpoint, err := open.Endpoint(s.URL)
	if err != nil {
		d.Fail(at, "%v", err)
		return
	}
	if why := insecure(endpoint, s.URL); why != nil && !allowInsecure {
		d.Fail(at, "%v; if that is meant (an emulator, a tunnel), set agent.allow_insecure: true", why)
	}
}

// insecure tells why an endpoint is not one for data that is paid for: plain http shows keys and bytes to the network, and
// a loopback address is another machine tomorrow.
func insecure(endpoint, raw string) error {
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return err
	}
	ip, err := netip.ParseAddr(u.Hostname())
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost"),
		err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified()):
		return errors.New("the endpoint is on this machine's loopback")
	case u.Scheme == "http" || disablesHTTPS(raw):
		return errors.New("the endpoint is plain http")
	}
	return nil
}

// disablesHTTPS looks for the one parameter that changes the protocol beside the endpoint.
func disablesHTTPS(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	v := u.Query().Get("disable_https")
	return v != "" && !strings.HasPrefix(strings.ToLower(v), "f") && v != "0"
}
