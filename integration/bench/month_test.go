package main

import "testing"

func TestReadMonth(t *testing.T) {
	for _, c := range []struct {
		said string
		want monthSaid
	}{
		{"    month_test.go:1: 465 of 510 jobs on time, at most 473 could be; 9 plans, turns changed 3 times for a cause, 2 without\nPASS", monthSaid{465, 510, 473, 2, true}},
		{"    month_test.go:1: 486 of 510 jobs on time, at most 492 could be\nPASS", monthSaid{486, 510, 492, 0, false}},
	} {
		if got, err := readMonth([]byte(c.said)); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.said, got, err, c.want)
		}
	}
	for _, said := range []string{"PASS", "0 of 510 jobs on time, at most 0 could be"} {
		if got, err := readMonth([]byte(said)); err == nil {
			t.Errorf("%q: %+v, want an error", said, got)
		}
	}
}
