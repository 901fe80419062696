package gcstest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	raw "google.golang.org/api/storage/v1"
)

const pageMax = 1000

// entry is one line of a listing: an object or, with a delimiter, a common prefix.
type entry struct {
	name       string
	generation int64
	object     *object
}

func (e entry) compare(f entry) int {
	if c := strings.Compare(e.name, f.name); c != 0 {
		return c
	}
	return int(e.generation - f.generation)
}

func (s *Server) list(q url.Values) (*raw.Objects, error) {
	most, present, err := number(q, "maxResults")
	if err != nil {
		return nil, err
	}
	if !present || most == 0 || most > pageMax {
		most = pageMax
	}
	entries := s.entries(q.Get("prefix"), q.Get("delimiter"), q.Get("versions") == "true")
	if token := q.Get("pageToken"); token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "invalid", "Invalid page token")
		}
		// A token is "name NUL generation": a name has no NUL, and the generations of one name may span pages.
		entries = slices.DeleteFunc(entries, func(e entry) bool { return strings.Compare(place(e), string(last)) <= 0 })
	}
	page := &raw.Objects{Kind: "storage#objects"}
	for i, e := range entries {
		if int64(i) == most {
			page.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(place(entries[i-1])))
			break
		}
		if e.object == nil {
			page.Prefixes = append(page.Prefixes, e.name)
		} else {
			page.Items = append(page.Items, &e.object.Object)
		}
	}
	return page, nil
}

// place sorts as entries do, because all generations have the same number of digits.
func place(e entry) string {
	var b strings.Builder
	b.WriteString(e.name)
	b.WriteByte(0)
	if e.object != nil {
		b.WriteString(e.object.Etag)
	}
	return b.String()
}

func (s *Server) entries(prefix, delimiter string, versions bool) []entry {
	var entries []entry
	common := map[string]bool{}
	for name, all := range s.objects {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			if s.live(name) != nil || versions {
				common[prefix+rest[:i+len(delimiter)]] = true
			}
			continue
		}
		for _, o := range all {
			if o.live || versions {
				entries = append(entries, entry{name, o.Generation, o})
			}
		}
	}
	for p := range common {
		entries = append(entries, entry{name: p})
	}
	slices.SortFunc(entries, entry.compare)
	return entries
}
