package brace

import (
	"iter"
	"math"
)

// Count is how many names the pattern has, counting repeated ones; math.MaxInt64 stands for that many or more.
func (p Pattern) Count() int64 {
	count, _ := p.measure()
	return count
}

// Bytes is the most that all names together can be long, math.MaxInt64 for that or more.
func (p Pattern) Bytes() int64 {
	_, bytes := p.measure()
	return bytes
}

func (p Pattern) measure() (count, bytes int64) {
	count = 1
	for _, in := range p.parts {
		n, b := int64(1), int64(len(in.literal))
		switch {
		case in.run != nil:
			n, b = in.run.count, times(in.run.count, int64(in.run.longest))
		case in.choices != nil:
			n, b = 0, 0
			for _, c := range in.choices {
				cn, cb := c.measure()
				n, b = plus(n, cn), plus(b, cb)
			}
		}
		bytes = plus(times(bytes, n), times(b, count))
		count = times(count, n)
	}
	return count, bytes
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// All yields the names, the last braces changing fastest.
func (p Pattern) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		expand(p.parts, nil, func(b []byte) bool { return yield(string(b)) })
	}
}

// expand appends every way through the parts to b and hands each to next, until that says stop.
func expand(parts []part, b []byte, next func([]byte) bool) bool {
	for i, in := range parts {
		rest := parts[i+1:]
		switch {
		case in.run != nil:
			for n := range in.run.count {
				if !expand(rest, in.run.appendAt(b, n), next) {
					return false
				}
			}
			return true
		case in.choices != nil:
			for _, c := range in.choices {
				if !expand(c.parts, b, func(b []byte) bool { return expand(rest, b, next) }) {
					return false
				}
			}
			return true
		default:
			b = append(b, in.literal...)
		}
	}
	return next(b)
}
