package store

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// NameRules say which keys a store can hold exactly. The zero value allows every non-empty key.
type NameRules struct {
	MaxBytes        int  `json:"max_bytes,omitempty"`              // of the UTF-8 form; 0: no limit
	MaxChars        int  `json:"max_chars,omitempty"`              // Unicode characters; 0: no limit
	MaxSegments     int  `json:"max_segments,omitempty"`           // path segments between slashes; 0: no limit
	MaxSegmentBytes int  `json:"max_segment_bytes,omitempty"`      // of one path segment; 0: no limit
	DotSegments     bool `json:"refuses_dot_segments,omitempty"`   // refuse "." and ".." as a path segment
	EmptySegments   bool `json:"refuses_empty_segments,omitempty"` // refuse "//" and a leading "/"
	TrailingSlash   bool `json:"refuses_trailing_slash,omitempty"` // refuse a trailing "/"
	TrailingDot     bool `json:"refuses_trailing_dot,omitempty"`   // refuse a trailing "." of the key
	Backslash       bool `json:"refuses_backslash,omitempty"`      // refuse "\"
	CRLF            bool `json:"refuses_line_breaks,omitempty"`    // refuse carriage return and line feed
	Control         bool `json:"refuses_control,omitempty"`        // refuse characters below 0x20 and 0x7f
	InvalidUTF8     bool `json:"refuses_invalid_utf8,omitempty"`   // refuse keys that are not UTF-8
	// FileOrFolder: a key cannot also be the folder of another ("foo" and "foo/bar").
	FileOrFolder bool `json:"file_or_folder,omitempty"`
	// Reserved are prefixes that the service keeps for itself.
	Reserved []string `json:"reserved,omitempty"`
}

// Check tells why the store cannot hold this key, or nil.
func (r NameRules) Check(key string) error {
	no := func(why string) error { return fmt.Errorf("%w: %q %s", ErrName, key, why) }
	switch {
	case key == "":
		return no("is empty")
	case r.MaxBytes > 0 && len(key) > r.MaxBytes:
		return no(fmt.Sprintf("has %d bytes, the most is %d", len(key), r.MaxBytes))
	case r.MaxChars > 0 && utf8.RuneCountInString(key) > r.MaxChars:
		return no(fmt.Sprintf("has %d characters, the most is %d", utf8.RuneCountInString(key), r.MaxChars))
	case r.InvalidUTF8 && !utf8.ValidString(key):
		return no("is not UTF-8")
	case r.TrailingSlash && strings.HasSuffix(key, "/"):
		return no("ends in a slash")
	case r.TrailingDot && strings.HasSuffix(key, "."):
		return no("ends in a dot")
	case r.Backslash && strings.Contains(key, `\`):
		return no("has a backslash")
	case r.CRLF && strings.ContainsAny(key, "\r\n"):
		return no("has a line break")
	case strings.Contains(key, "\x00"):
		return no("has a NUL byte")
	}
	if r.Control {
		for i := 0; i < len(key); i++ {
			if key[i] < 0x20 || key[i] == 0x7f {
				return no(fmt.Sprintf("has the control character 0x%02x", key[i]))
			}
		}
	}
	for _, p := range r.Reserved {
		if strings.HasPrefix(key, p) {
			return no("starts with the reserved " + p)
		}
	}
	segments := strings.Split(key, "/")
	if r.MaxSegments > 0 && len(segments) > r.MaxSegments {
		return no(fmt.Sprintf("has %d path segments, the most is %d", len(segments), r.MaxSegments))
	}
	for i, s := range segments {
		switch {
		case s == "" && r.EmptySegments && i < len(segments)-1:
			return no("has an empty path segment")
		case r.DotSegments && (s == "." || s == ".."):
			return no(fmt.Sprintf("has the path segment %q", s))
		case r.MaxSegmentBytes > 0 && len(s) > r.MaxSegmentBytes:
			return no(fmt.Sprintf("has a path segment of %d bytes, the most is %d", len(s), r.MaxSegmentBytes))
		}
	}
	return nil
}

// CheckAll checks every key, and that none is the folder of another where the store cannot hold both. It returns every
// refusal, so that a user mends them in one go.
func (r NameRules) CheckAll(keys []string) []error {
	var errs []error
	have := map[string]bool{}
	if r.FileOrFolder {
		for _, k := range keys {
			have[k] = true
		}
	}
	for _, k := range keys {
		if err := r.Check(k); err != nil {
			errs = append(errs, err)
			continue
		}
		if !r.FileOrFolder {
			continue
		}
		for i := range k {
			if k[i] == '/' && have[k[:i]] {
				errs = append(errs, fmt.Errorf("%w: %q is a file and the folder of %q", ErrName, k[:i], k))
				break
			}
		}
	}
	return errs
}
