package daemon

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

const (
	// usualPage and longestPage are how many items a list has, if nobody says and at most.
	usualPage   = 100
	longestPage = 1000
)

// Paging is how a list is asked for.
type Paging struct {
	Limit  int    `query:"limit" doc:"how many items at most" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" doc:"next of the page before; without it, the first" maxLength:"2048"`
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the next page; "": there is none.
	Next string `json:"next,omitempty" doc:"the cursor of the next page; without it there is none"`
}

// paged is a page with its Link header.
type paged[T any] struct {
	Link string `header:"Link" doc:"the next page (RFC 8288), if there is one"`
	Body Page[T]
}

// cursor says where a page ended: behind the item with this key, which stood at this place. Lists change while they are read.
type cursor struct {
	Key string `json:"k"`
	At  int    `json:"n"`
}

func (c cursor) text() string {
	b, err := json.Marshal(c)
	if err != nil { // text and a number
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(text string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.At < 0 {
		return c, fmt.Errorf("%w: cursor: it is none that a page before had as next", errRequest)
	}
	return c, nil
}

// page cuts what is asked for out of a list. path and query are where the list is; key tells its items apart.
func page[T any](p Paging, path string, query url.Values, list []T, key func(T) string) (*paged[T], error) {
	from := 0
	if p.Cursor != "" {
		c, err := readCursor(p.Cursor)
		if err != nil {
			return nil, err
		}
		from = min(c.At+1, len(list))
		for i, one := range list {
			if key(one) == c.Key {
				from = i + 1
				break
			}
		}
	}
	if p.Limit <= 0 || p.Limit > longestPage {
		p.Limit = usualPage
	}
	until := min(from+p.Limit, len(list))
	out := &paged[T]{Body: Page[T]{Items: append([]T{}, list[from:until]...)}}
	if until < len(list) && until > 0 {
		out.Body.Next = cursor{key(list[until-1]), until - 1}.text()
		next := url.Values{"limit": {strconv.Itoa(p.Limit)}, "cursor": {out.Body.Next}}
		for name, values := range query {
			next[name] = values
		}
		out.Link = "<" + path + "?" + next.Encode() + `>; rel="next"`
	}
	return out, nil
}
