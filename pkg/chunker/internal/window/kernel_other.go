//go:build !amd64

package window

// There is no vector form: what costs here is BLAKE3, which has none either (docs/performance.md).
func forms() []form { return []form{generic} }

func (f form) blocks(*byte, int, int, uint32) int { panic("window: no vector form on this machine") }
