package brace

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

var (
	numbers = lazyre.New(`^(-?[0-9]+)\.\.(-?[0-9]+)(?:\.\.-?([0-9]+))?$`)
	letters = lazyre.New(`^([A-Za-z])\.\.([A-Za-z])(?:\.\.-?([0-9]+))?$`)
)

// alphabet is the order of letter ranges: {Z..a} has two letters, not the signs that ASCII has between them.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// run is a range: first, first+step, ... count of them. Of a range of letters they are places in the alphabet.
type run struct {
	first, step, count int64
	width              int // characters to pad to with zeros, the sign counted
	longest            int // bytes of the longest
	letters            bool
}

// parseRun reads A..B or A..B..STEP. It is nil for what is no range. A step of 0 counts as 1, and its sign does not matter: the
// order of A and B says which way.
func parseRun(s string) (*run, error) {
	r := &run{}
	m := numbers.FindStringSubmatch(s)
	var last int64
	if m != nil {
		var err1, err2 error
		r.first, err1 = strconv.ParseInt(m[1], 10, 64)
		last, err2 = strconv.ParseInt(m[2], 10, 64)
		const most = math.MaxInt64 / 4 // so that no difference overflows
		if err1 != nil || err2 != nil || max(r.first, last) > most || min(r.first, last) < -most {
			return nil, fmt.Errorf("{%s} has a number that is too large", s)
		}
		if padded(m[1]) || padded(m[2]) {
			r.width = max(len(m[1]), len(m[2]))
		}
		r.longest = max(len(m[1]), len(m[2]))
	} else {
		if m = letters.FindStringSubmatch(s); m == nil {
			return nil, nil
		}
		r.first, last = int64(strings.Index(alphabet, m[1])), int64(strings.Index(alphabet, m[2]))
		r.letters, r.longest = true, 1
	}
	r.step = 1
	if m[3] != "" {
		step, err := strconv.ParseInt(m[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("{%s} has a step that is too large", s)
		}
		r.step = max(1, step)
	}
	r.count = (max(r.first, last)-min(r.first, last))/r.step + 1
	if last < r.first {
		r.step = -r.step
	}
	return r, nil
}

// padded tells that a number is written with zeros in front, so that all of its range are.
func padded(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return len(s) > 1 && s[0] == '0'
}

// appendAt appends the i-th of the range.
func (r *run) appendAt(b []byte, i int64) []byte {
	v := r.first + i*r.step
	if r.letters {
		return append(b, alphabet[v])
	}
	if r.width == 0 {
		return strconv.AppendInt(b, v, 10)
	}
	digits := r.width
	if v < 0 {
		b, v, digits = append(b, '-'), -v, digits-1
	}
	text := strconv.FormatInt(v, 10)
	for range digits - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}
