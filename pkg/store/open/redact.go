package open

import (
	"net/url"
	"strings"
)

// Redact returns a URL fit for errors and logs: without user and password, and without the value of every parameter that
// no form knows, since that is where signatures and keys are pasted. What cannot be read as a URL loses everything after
// its scheme.
func Redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		scheme, _, ok := strings.Cut(raw, ":")
		if !ok || len(scheme) > 10 || strings.ContainsAny(scheme, "/?@=&") {
			return "REDACTED"
		}
		return scheme + ":REDACTED"
	}
	if u.Opaque != "" {
		return u.Scheme + ":REDACTED"
	}
	u.User = nil
	u.Fragment, u.RawFragment = "", ""
	if u.RawQuery == "" {
		return u.String()
	}
	known := forms[u.Scheme].params
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || known[plain] == nil || strings.Contains(value, "@") || strings.Contains(value, "%40") {
			value = "REDACTED"
		}
		kept = append(kept, name+"="+value)
	}
	u.RawQuery = strings.Join(kept, "&")
	return u.String()
}

// isSecret recognises parameters of SAS tokens and signed URLs, and names that say what they are.
func isSecret(name string) bool {
	n := strings.ToLower(name)
	switch n {
	case "sig", "sv", "se", "sp", "sr", "st", "spr", "skoid":
		return true
	}
	for _, part := range []string{"key", "secret", "token", "password", "credential", "signature"} {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}
