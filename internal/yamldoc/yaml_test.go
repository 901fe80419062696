package yamldoc

import (
	"strings"
	"testing"
)

// TestOddFiles: what would keep the parser busy for minutes, or overflow its stack, is refused at once.
func TestOddFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"long line": {"a: " + strings.Repeat("x", maxLineBytes), "x.yaml:1:1: a line of more than 8192 bytes; break it"},
		"brackets":  {strings.Repeat("[\n", maxLines), "x.yaml:51:1: YAML: nested more than 50 deep"},
		"braces":    {strings.Repeat("{a: ", 2000), "x.yaml:1:201: YAML: nested more than 50 deep"},
		"lines":     {strings.Repeat("a: b\n", maxLines+1), "x.yaml:10001:1: more than 10000 lines; that is not a configuration"},
		"dashes":    {strings.Repeat("- ", 4000), "x.yaml:1:101: YAML: nested more than 50 deep"},
		"bytes":     {strings.Repeat("#\n", MaxBytes/2+1), "x.yaml: larger than 256KiB; that is not a configuration"},
	} {
		if _, err := Parse("x.yaml", []byte(c.text), "configuration"); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v\nwant %s", name, err, c.want)
		}
	}
}
