package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Kinds of feeds.
var Kinds = []string{"azure", "aws", "gcp"}

// Options of Import.
type Options struct {
	// Book that the overlay is for: its entries are replaced, and changes are told against it.
	Book *cost.Book
	Now  func() time.Time
	// AsOf is the date of the prices; "" takes what the feed says, or today.
	AsOf string
	// Region whose storage and request prices are taken; "" takes them where all regions of the feed agree. Transfers are taken
	// from every region.
	Region string
	// Exchange gives the rate of a feed's currency other than USD; nil refuses one.
	Exchange func(code string) (cost.Exchange, error)
	// Client for URLs; nil uses one of its own.
	Client *http.Client
}

// Result of an import.
type Result struct {
	Overlay cost.Overlay
	Rows    int64 // rows of the feed: items, price dimensions, SKUs
	Used    int64 // those that prices were made of
	Ignored []Ignored
	Changes []Change
}

// Ignored counts rows by the reason for which no price was made of them.
type Ignored struct {
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// Change is an entry that the overlay changes or adds. Before is "" for a new one, After "" for one that is gone.
type Change struct {
	ID     string `json:"id"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Import reads a feed from files and URLs (several for a feed in pages) and returns the overlay that it makes of the book.
// Errors name the source, the row and the field.
func Import(ctx context.Context, kind string, sources []string, o Options) (*Result, error) {
	c := &collector{o: o, provider: kind, ignored: map[string]int64{}, meters: map[string]*meter{}, fees: map[feeKey]map[string]fee{}}
	read := map[string]func(context.Context, *collector, []string) error{"azure": readAzure, "aws": readAWS, "gcp": readGCP}[kind]
	if read == nil {
		return nil, fmt.Errorf("feed %q: want one of %s", kind, strings.Join(Kinds, ", "))
	}
	if len(sources) == 0 {
		return nil, errors.New("no file and no URL")
	}
	if err := read(ctx, c, sources); err != nil {
		return nil, err
	}
	return c.result()
}

// result makes the overlay and tries it on the book.
func (c *collector) result() (*Result, error) {
	v, err := c.overlay()
	if err != nil {
		return nil, err
	}
	if len(v.Transfers)+len(v.Requests)+len(v.Retrievals)+len(v.Storage)+len(v.Allowances) == 0 {
		return nil, fmt.Errorf("the feed has no price that the price book %s has a use for: %d rows, %s", c.o.Book.Version, c.rows, c.reasons())
	}
	after, err := apply(c.o.Book, v)
	if err != nil {
		return nil, fmt.Errorf("the prices of the feed do not fit the price book %s: %w", c.o.Book.Version, err)
	}
	return &Result{Overlay: v, Rows: c.rows, Used: c.used, Ignored: c.why(), Changes: changes(c.o.Book, after)}, nil
}

func changes(before, after *cost.Book) []Change {
	say := func(e cost.Entry) string {
		s := e.For + ": " + e.Price
		if e.Meter != "" {
			s += ", meter " + e.Meter
		}
		if !e.Verified {
			s += ", not verified"
		}
		return s
	}
	had := map[string]string{}
	for _, e := range before.Entries() {
		had[e.ID] = say(e)
	}
	out := []Change{}
	for _, e := range after.Entries() {
		if now := say(e); now != had[e.ID] {
			out = append(out, Change{e.ID, had[e.ID], now})
		}
		delete(had, e.ID)
	}
	for id, was := range had {
		out = append(out, Change{ID: id, Before: was})
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (c *collector) why() []Ignored {
	out := []Ignored{}
	for reason, n := range c.ignored {
		out = append(out, Ignored{reason, n})
	}
	slices.SortFunc(out, func(a, b Ignored) int { return strings.Compare(a.Reason, b.Reason) })
	return out
}

func (c *collector) reasons() string {
	var parts []string
	for _, i := range c.why() {
		parts = append(parts, fmt.Sprintf("%d %s", i.Rows, i.Reason))
	}
	if len(parts) == 0 {
		return "none of any kind"
	}
	return strings.Join(parts, "; ")
}
