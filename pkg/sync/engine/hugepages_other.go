//go:build !linux

package engine

// preferHugePages does nothing: only Linux is asked.
func preferHugePages([]byte) {}
