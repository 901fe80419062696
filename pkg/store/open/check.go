package open

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// CheckURL tells whether [Open] could use this URL, without connecting. Its error names the nearest valid word for a
// misspelt one and never shows a credential.
func CheckURL(raw string) error {
	_, err := parse(raw)
	return err
}

func parse(raw string) (*url.URL, error) {
	bad := func(format string, a ...any) (*url.URL, error) {
		return nil, fmt.Errorf("store URL %q: %w", Redact(raw), fmt.Errorf(format, a...))
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's own words quote the URL.
		return bad("cannot be read; escape special characters (%%23 for #); valid forms: %s", validForms())
	}
	f, ok := forms[u.Scheme]
	if !ok {
		why := fmt.Sprintf("unknown scheme %q", u.Scheme)
		if u.Scheme == "" {
			why = "it has no scheme"
		} else if n := nearest(u.Scheme, slices.Collect(maps.Keys(forms))); n != "" {
			why += fmt.Sprintf(", did you mean %s?", n)
		}
		return bad("%s; valid forms: %s", why, validForms())
	}
	switch {
	case u.User != nil:
		return bad("credentials do not belong in a URL; put them in the environment or a profile")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return bad("has a #fragment; write %%23 for a # in a path")
	case f.path && (u.Host != "" || !filepath.IsAbs(u.Path) || u.Opaque != ""):
		return bad("want three slashes and an absolute path: %s", f.example)
	case !f.path && u.Host == "":
		return bad("names nothing to open: want %s", f.example)
	case !f.path && u.Port() != "":
		return bad("a bucket has no port; give the server as endpoint=, as far as %s:// has one", u.Scheme)
	case !f.path && strings.Trim(u.Path, "/") != "":
		return bad("a store is a whole bucket: put the prefix %q in the dataset or destination", strings.TrimPrefix(u.Path, "/"))
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("its parameters cannot be read; escape special characters (%%26 for &)")
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if err := checkParam(f, name, q[name]); err != nil {
			return bad("%w", err)
		}
	}
	return u, nil
}

func checkParam(f form, name string, values []string) error {
	check, ok := f.params[name]
	known := slices.Sorted(maps.Keys(f.params))
	switch {
	case !ok && isSecret(name):
		return fmt.Errorf("parameter %q looks like a credential; put it in the environment", name)
	case !ok:
		why := fmt.Sprintf("unknown parameter %q", name)
		if n := nearest(name, known); n != "" {
			why += fmt.Sprintf(", did you mean %s?", n)
		}
		return fmt.Errorf("%s (known: %s)", why, strings.Join(known, ", "))
	case len(values) > 1:
		return fmt.Errorf("parameter %s is given %d times", name, len(values))
	}
	if err := check(values[0]); err != nil {
		return fmt.Errorf("parameter %s: %w", name, err)
	}
	return nil
}

// errLoopback is how a store on this machine is refused.
var errLoopback = errors.New("the endpoint is on this machine's loopback; allow loopback endpoints if that is meant (an emulator, a tunnel)")

// checkLoopback looks at hosts as they are written; the client looks again after resolving names.
func checkLoopback(u *url.URL) error {
	at, err := url.Parse(serviceOf(u))
	if err != nil {
		return nil //nolint:nilerr // CheckURL refused it before, or the backend will
	}
	ip, err := netip.ParseAddr(at.Hostname())
	if at.Hostname() == "localhost" || err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified()) {
		return errLoopback
	}
	return nil
}
