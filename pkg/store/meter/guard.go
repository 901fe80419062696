package meter

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
)

// Metadata services that are not on a link-local address, as their vendors document them: AWS IMDS over IPv6, Google
// over IPv6, Azure's wire server.
var metadataAddrs = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"): true,
	netip.MustParseAddr("fd20:ce::254"):  true,
	netip.MustParseAddr("168.63.129.16"): true,
}

// identityKey marks the context of a request that isIdentity.
type identityKey struct{}

// isIdentity recognises the one request to a metadata service that belongs to using a store: the Azure SDK asks for a
// managed identity's token through the client of the store (azidentity's managed_identity_client.go, which first sends the
// same request without its header to see whether anybody answers). The address is literal and the path Azure's own, so
// no DNS name can lead there; a redirect there is not followed, and pkg/store/open refuses it as an endpoint.
func isIdentity(req *http.Request) bool {
	return req.Method == http.MethodGet && req.URL.Scheme == "http" && req.URL.Host == "169.254.169.254" &&
		req.URL.Path == "/metadata/identity/oauth2/token"
}

// guard checks the address after DNS has been resolved, so that no name can lead to a forbidden one.
func (t *transport) guard(ctx context.Context, isProxy bool) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return &RefusedError{Address: address, Why: "not an IP address and port"}
		}
		if ctx.Value(identityKey{}) != nil {
			return nil
		}
		return t.checkAddr(ap.Addr(), isProxy)
	}
}

// checkHost looks at an address written in the URL itself: behind a proxy it is the proxy that connects, and the guard of
// the dialler never sees it.
func (t *transport) checkHost(u *url.URL) error {
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return t.checkAddr(ip, false)
	}
	return nil
}

func (t *transport) checkAddr(ip netip.Addr, isProxy bool) error {
	ip = ip.Unmap().WithZone("")
	switch {
	case t.options.AllowLinkLocal:
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast(), metadataAddrs[ip]:
		return &RefusedError{ip.String(), "link-local and metadata addresses are never a store; correct the endpoint or its DNS name"}
	}
	if t.options.DenyLoopback && !isProxy && (ip.IsLoopback() || ip.IsUnspecified()) {
		return &RefusedError{ip.String(), "a store on this machine's loopback must be allowed explicitly"}
	}
	return nil
}
