package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// errStranger: another user is at the other end.
var errStranger = errors.New("this socket answers its own user and root alone")

// admit says whether a user may ask: the one that this process runs as, or root.
func admit(peer, own uint32) error {
	if peer == own || peer == 0 {
		return nil
	}
	return fmt.Errorf("%w; you are uid %d, it runs as uid %d", errStranger, peer, own)
}

// checkPeer asks the kernel who is at the other end of a connection. It fails closed.
func checkPeer(c net.Conn) error {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("%w: the connection is no Unix socket", errStranger)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return fmt.Errorf("%w: %w", errStranger, err)
	}
	var uid uint32
	var failed error
	if err := raw.Control(func(fd uintptr) { uid, failed = peerUID(int(fd)) }); err != nil {
		failed = err
	}
	if failed != nil {
		return fmt.Errorf("%w, and the system does not say who asks: %w", errStranger, failed)
	}
	return admit(uid, uint32(os.Geteuid()))
}

// peerKey is where a connection's context keeps the verdict of checkPeer.
type peerKey struct{}

// verdict says whether who connected may ask; nil: yes.
type verdict struct{ err error }

// stranger is why a request may not be answered; nil: it may. A connection that nobody checked may not.
func stranger(ctx context.Context) error {
	v, ok := ctx.Value(peerKey{}).(verdict)
	if !ok {
		return errStranger
	}
	return v.err
}
