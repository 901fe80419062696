package config

import (
	"net"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// hostPattern is a name of a host, or an address.
var hostPattern = lazyre.New(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

func (d *document) checkAPI(a API) {
	f := field{"api"}
	if a.Listen == "" {
		if len(a.Hosts) > 0 || a.TLS != (APITLS{}) {
			d.Wrong(f, "hosts and tls are for an API over TCP; set listen too, for example 127.0.0.1:8443")
		}
		return
	}
	host, port, err := net.SplitHostPort(a.Listen)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host != "" && !isHost(host) {
		d.Wrong(f.Child("listen"), "%q: want a host and a port, for example 127.0.0.1:8443 or :8443", a.Listen)
	}
	if (a.TLS.Cert == "") != (a.TLS.Key == "") {
		d.Wrong(f.Child("tls"), "cert and key belong together: set both, or none to have a certificate made")
	}
	for i, h := range a.Hosts {
		if !isHost(h) {
			d.Wrong(f.Child("hosts").Index(i), "%q: want a name or an address, without a port", h)
		}
	}
}

func isHost(h string) bool {
	return net.ParseIP(strings.Trim(h, "[]")) != nil || hostPattern.MatchString(h)
}
