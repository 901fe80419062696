package yamldoc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// UnknownName is the error for a name that is not configured, with the nearest one that is:
//
//	unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)
//
// kind is the word for what is named: "dataset", "destination", "store".
func UnknownName(kind, name string, known []string) error {
	return fmt.Errorf("unknown %s %q%s (%s)", kind, name, DidYouMean(name, known), configured(known))
}

func configured(known []string) string {
	if len(known) == 0 {
		return "none is configured"
	}
	return "configured: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// DidYouMean is `; did you mean "c4"?` for a word that is near a known one, "" for others.
func DidYouMean(word string, known []string) string {
	if n := nearest(word, known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// nearest returns the known word that a misspelt one most likely means, "" if none is near: more than two slips, or a
// third of a long word, is another word, and so is a change of every letter.
func nearest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil)
		if d < distance && d < max(len(word), len(k)) {
			best, distance = k, d
		}
	}
	return best
}
