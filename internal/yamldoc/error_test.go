package yamldoc

import (
	"errors"
	"testing"
)

func TestUnknownName(t *testing.T) {
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"c5", []string{"laion", "c4"}, `unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)`},
		{"C4", []string{"c4"}, `unknown dataset "C4"; did you mean "c4"? (configured: c4)`},
		{"fineweb", []string{"c4"}, `unknown dataset "fineweb" (configured: c4)`},
		{"ab", []string{"cd"}, `unknown dataset "ab" (configured: cd)`},
		{"c4", nil, `unknown dataset "c4" (none is configured)`},
	} {
		if got := UnknownName("dataset", c.name, c.known).Error(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		e    Error
		want string
	}{
		{Error{Path: "f", Line: 2, Column: 3, Field: "a.b", Message: "m"}, "f:2:3: a.b: m"},
		{Error{Path: "f", Field: "a.b", Message: "m"}, "f: a.b: m"},
		{Error{Path: "f", Line: 2, Column: 3, Message: "m"}, "f:2:3: m"},
		{Error{Message: "m"}, "m"},
		{Error{Path: "f", Field: "a\nb", Message: "m"}, `f: a\nb: m`}, // one line, whatever the name
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	first, second := &Error{Message: "1"}, &Error{Message: "2"}
	var found *Error
	if err := error(Errors{first, second}); !errors.As(err, &found) || found != first || err.Error() != "1\n2" || !errors.Is(err, second) {
		t.Errorf("several: %v, found %v", err, found)
	}
}
