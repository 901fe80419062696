//go:build !amd64

package lanes

// Available tells whether this machine can run it.
const Available = false

func nodes(*[Count]CV, *byte, int, int, *[2 * Count]uint32, uint32, uint32, uint32) {
	panic("lanes: no vector form on this machine")
}
