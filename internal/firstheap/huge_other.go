//go:build !linux

package firstheap

// hugePages is for Linux alone.
func hugePages() {}
