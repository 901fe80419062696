package open

import (
	"net/netip"
	"net/url"
)

// Endpoint returns the HTTP URL of the service behind a store's URL, as doctor needs it for the clock; "" for directories
// and memory. Its errors are those of [CheckURL].
func Endpoint(raw string) (string, error) {
	u, err := parse(raw)
	if err != nil {
		return "", err
	}
	return serviceOf(u), nil
}

func serviceOf(u *url.URL) string {
	q := u.Query()
	switch u.Scheme {
	case "azblob":
		domain, protocol := q.Get("domain"), q.Get("protocol")
		if domain == "" {
			domain = "blob.core.windows.net"
		}
		if protocol == "" {
			protocol = "https"
		}
		account := q.Get("storage_account")
		if ip := isAddress(domain); account == "" || ip || q.Get("localemu") != "" {
			return protocol + "://" + domain
		}
		return protocol + "://" + account + "." + domain
	case "s3":
		if e := q.Get("endpoint"); e != "" {
			return e
		}
		if r := q.Get("region"); r != "" {
			return "https://s3." + r + ".amazonaws.com"
		}
		return "https://s3.amazonaws.com"
	case "gs":
		if e := q.Get("endpoint"); e != "" {
			return e
		}
		return "https://storage.googleapis.com"
	}
	return ""
}

// isAddress tells whether a host, with or without a port, is an address or localhost and can have no account before it.
func isAddress(host string) bool {
	u, err := url.Parse("http://" + host)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil || u.Hostname() == "localhost"
}
