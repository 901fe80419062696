package daemon

import (
	"context"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// principal is who asks.
type principal struct {
	// Name for what is recorded and for what is limited: a token's, or "socket".
	Name string
	// Socket: its own user or root, at the Unix socket.
	Socket bool
	// Scopes of a token.
	Scopes []access.Scope
}

// atSocket is whoever the kernel said is the same user, or root.
var atSocket = principal{Name: "socket", Socket: true}

type principalKey struct{}

func withPrincipal(ctx context.Context, p principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// principalOf a request; the zero value may nothing.
func principalOf(ctx context.Context) principal {
	p, _ := ctx.Value(principalKey{}).(principal)
	return p
}

// may tells whether it may do what wants a scope.
func (p principal) may(want access.Scope) bool { return p.Socket || access.Allow(p.Scopes, want) }

// by is who decides, for the record. Whoever is at the socket could change the manifest itself, so what it says is believed; over TCP it is the token.
func (p principal) by(said string) string {
	switch {
	case !p.Socket:
		return "token " + p.Name
	case said != "":
		return said
	}
	return "somebody at the socket"
}
