package slurm

import "strings"

// What we write into a comment is " | datagravity: held …", behind what the user wrote. It never has a | in it, so that what
// somebody appends behind a | later is not ours.
const (
	ownStart = keyword + ": held "
	ownJoint = " | "
)

// leastReason is the shortest room for a reason that is worth writing, in bytes.
const leastReason = 32

// findOwn returns where our part of a comment begins, with what joins it to the text before, and where it ends; -1 if there is none.
func findOwn(comment string) (start, end int) {
	for from := 0; ; {
		i := strings.Index(comment[from:], ownStart)
		if i < 0 {
			return -1, -1
		}
		start = from + i
		from = start + len(ownStart)
		before, joined := strings.CutSuffix(comment[:start], ownJoint)
		if start > 0 && !joined {
			continue // somebody writes about us
		}
		if end = strings.Index(comment[from:], ownJoint); end < 0 {
			return len(before), len(comment)
		}
		return len(before), from + end
	}
}

// userText is a comment without our part, or parts: somebody may have copied one.
func userText(comment string) string {
	for {
		start, end := findOwn(comment)
		switch {
		case start < 0:
			return comment
		case start == 0:
			comment = strings.TrimPrefix(comment[end:], ownJoint)
		default:
			comment = comment[:start] + comment[end:]
		}
	}
}

// withReason is a comment with these words as our part, or without one where there is no room for it: what the user wrote is
// never cut.
func withReason(comment, words string) string {
	user := userText(comment)
	words = strings.ReplaceAll(oneLine(words, MaxComment), "|", "/")
	words = strings.TrimPrefix(words, "held ")
	if words == "" {
		words = "until its data is there"
	}
	own := ownStart + words
	if user != "" {
		own = ownJoint + own
	}
	room := MaxComment - len(user)
	if room < leastReason && len(own) > room {
		return user
	}
	return user + strings.TrimRight(cut(own, room), " ")
}
