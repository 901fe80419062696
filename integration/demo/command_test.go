package main

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	want := []string{"exec", "--job", "a", "--", "sh", "-c", "wc -l < $FILE"}
	if got := words("exec --job a  -- sh -c 'wc -l < $FILE'"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
