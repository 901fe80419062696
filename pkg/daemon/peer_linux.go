package daemon

import "golang.org/x/sys/unix"

// peerUID is the user who connected (SO_PEERCRED, unix(7)): as it was then, whatever the process has become since.
func peerUID(fd int) (uint32, error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return c.Uid, nil
}
