package reuse

import "unsafe"

// pages is an array that grows without being copied: doubling a slice of half a gigabyte needs one and a half for a
// moment.
type pages[T any] struct {
	list [][]T
	n    int
}

// pageLen elements a page: small enough that little memory is of no use, and a power of two, so that an index needs no
// division.
const pageLen = 512

func (p *pages[T]) at(i int) *T { return &p.list[i/pageLen][i%pageLen] }

func (p *pages[T]) add(v T) {
	if p.n%pageLen == 0 {
		p.list = append(p.list, make([]T, pageLen))
	}
	*p.at(p.n) = v
	p.n++
}

func (p *pages[T]) bytes() int64 {
	var v T
	return int64(len(p.list)) * pageLen * int64(unsafe.Sizeof(v))
}
