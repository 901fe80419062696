package slurm

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The types here take every shape in which some version of Slurm writes a value, and anything else as not set.

// noValue is NO_VAL, which Slurm's 32-bit numbers are when they are not set; the one above it means infinite.
const noValue = 0xfffffffe

// number is 7, "7", null, or {"set":true,"infinite":false,"number":7}.
type number struct {
	n   int64
	set bool
}

func (v *number) UnmarshalJSON(b []byte) error {
	*v = number{}
	var object struct {
		Set, Infinite flag
		Number        json.Number
	}
	object.Number = json.Number(bytes.Trim(b, `"`))
	object.Set = true
	readable := flag(b[0] != '{' || json.Unmarshal(b, &object) == nil)
	if !readable || !object.Set || object.Infinite {
		return nil
	}
	if n, err := strconv.ParseInt(object.Number.String(), 10, 64); err == nil {
		*v = number{n, true}
	} else if f, err := strconv.ParseFloat(object.Number.String(), 64); err == nil && math.Abs(f) < 1<<53 {
		*v = number{int64(f), true}
	}
	return nil
}

// id is a job's number; 0: none.
func (v number) id() uint32 {
	if v.n <= 0 || v.n >= noValue {
		return 0
	}
	return uint32(v.n)
}

// time reads seconds since 1970, in which 0 and what means infinite are no time.
func (v number) time() time.Time {
	if v.n <= 0 || v.n == noValue || v.n == noValue+1 || v.n > math.MaxInt32*8 {
		return time.Time{}
	}
	return time.Unix(v.n, 0).UTC()
}

// text is a string.
type text string

func (v *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = ""
	}
	*v = text(s)
	return nil
}

// texts are a list of strings, or one.
type texts []string

func (v *texts) UnmarshalJSON(b []byte) error {
	*v = nil
	var list []text
	if b[0] != '[' {
		list = make([]text, 1)
		_ = list[0].UnmarshalJSON(b) // never fails
	} else if err := json.Unmarshal(b, &list); err != nil {
		list = nil
	}
	for _, s := range list {
		if s != "" {
			*v = append(*v, string(s))
		}
	}
	return nil
}

// flag is true or not.
type flag bool

func (v *flag) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true"
	return nil
}
