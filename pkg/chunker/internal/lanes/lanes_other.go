//go:build !amd64

package lanes

// Available tells whether this machine can run it.
const Available = false

func nodes(*[Count]CV, *byte, int, int, *[2 * Count]uint32, uint32, uint32, uint32) {
	panic("lanes: no vector form on this machine")
}

// Parents gives the chaining values of eight nodes from those of their sixteen children, in order.
func Parents(*[Count]CV, *[2 * Count]CV) { panic("lanes: no vector form on this machine") }
