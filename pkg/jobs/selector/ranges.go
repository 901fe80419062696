package selector

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// interval of numbers, both ends in it.
type interval struct{ first, last int64 }

// numbers is a set of numbers: intervals in ascending order that neither meet nor touch.
type numbers []interval

// parseNumbers reads 0-9,20,30-: an end that is left out is the last that there is.
func parseNumbers(s string) (numbers, error) {
	var list []interval
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first, err := parseNumber(from)
		if err != nil {
			return nil, fmt.Errorf("%q is no number; write 0-9, 20 or 30-", part)
		}
		in := interval{first, first}
		if ranged {
			in.last = math.MaxInt64
			if to != "" {
				if in.last, err = parseNumber(to); err != nil {
					return nil, fmt.Errorf("%q is no range; write 0-9, 20 or 30-", part)
				}
			}
		}
		if in.last < in.first {
			return nil, fmt.Errorf("%q ends before it begins", part)
		}
		list = append(list, in)
	}
	return union(list), nil
}

// parseNumber reads digits alone, below 2^62.
func parseNumber(s string) (int64, error) {
	if strings.Trim(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 63)
}

// union sorts intervals and joins those that meet or touch.
func union(list []interval) (out numbers) {
	slices.SortFunc(list, func(a, b interval) int { return int(min(1, max(-1, a.first-b.first))) })
	for _, in := range list {
		if n := len(out); n > 0 && (out[n-1].last == math.MaxInt64 || in.first <= out[n-1].last+1) {
			out[n-1].last = max(out[n-1].last, in.last)
		} else {
			out = append(out, in)
		}
	}
	return out
}

// String is what parseNumbers reads, in the one form of the set.
func (n numbers) String() string {
	parts := make([]string, len(n))
	for i, in := range n {
		switch {
		case in.last == in.first:
			parts[i] = fmt.Sprint(in.first)
		case in.last == math.MaxInt64:
			parts[i] = fmt.Sprintf("%d-", in.first)
		default:
			parts[i] = fmt.Sprintf("%d-%d", in.first, in.last)
		}
	}
	return strings.Join(parts, ",")
}

// least is how many shards there must be.
func (n numbers) least() int64 {
	last := n[len(n)-1]
	if last.last == math.MaxInt64 {
		return last.first + 1
	}
	return last.last + 1
}

// rangeOf selects by number among the shards of another term, or of the dataset.
type rangeOf struct {
	numbers numbers
	of      term // nil: the dataset's shards
}

// splitOf cuts ARGUMENTS of TERM.
func (p *parser) splitOf(rest string, nesting int) (arguments string, of term, err error) {
	arguments, inner, ok := strings.Cut(rest, " of ")
	if ok {
		of, err = p.term(inner, nesting+1)
	}
	return arguments, of, err
}

func (p *parser) rangeOf(text, rest string, nesting int) (term, error) {
	arguments, of, err := p.splitOf(rest, nesting)
	if err != nil {
		return nil, err
	}
	n, err := parseNumbers(arguments)
	if err != nil {
		return nil, malformed(text, "%w", err)
	}
	return rangeOf{n, of}, nil
}

func (t rangeOf) text() string     { return withOf("range:"+t.numbers.String(), t.of) }
func (t rangeOf) readsIndex() bool { return t.of != nil && t.of.readsIndex() }

func withOf(text string, of term) string {
	if of == nil {
		return text
	}
	return text + " of " + of.text()
}

// picker passes on the shards of a range.
type picker struct {
	source
	t    rangeOf
	r    *resolver
	out  func(shard)
	next int64      // number of the next shard
	left []interval // that are not behind it
}

func (t rangeOf) open(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	p := &picker{t: t, r: r, out: out, left: t.numbers}
	inner, err := r.shardsOf(ctx, t.of, p.take)
	p.source = inner
	return p, err
}

func (p *picker) take(s shard) {
	switch p.r.role(s) {
	case roleIndex:
		p.out(s)
	case roleShard:
		for len(p.left) > 0 && p.left[0].last < p.next {
			p.left = p.left[1:]
		}
		if len(p.left) > 0 && p.left[0].first <= p.next {
			p.out(s)
		}
		p.next++
	}
}

func (p *picker) end() error {
	if err := p.source.end(); err != nil {
		return err
	}
	if least := p.t.numbers.least(); p.next < least {
		if p.next == 0 {
			return ofTerm(p.t, fmt.Errorf("%w: there are no shards to count", ErrMissing))
		}
		return ofTerm(p.t, fmt.Errorf("%w: shard %d; there are %d, numbered 0 to %d", ErrMissing, least-1, p.next, p.next-1))
	}
	return nil
}
