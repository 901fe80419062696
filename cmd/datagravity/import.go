package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost/feed"
	"github.com/datagravity/datagravity/pkg/manifest"
)

type importFlags struct {
	from, out, asOf, region string
}

func newImport(g *globals) *cobra.Command {
	var o importFlags
	c := &cobra.Command{
		Use: "import --from azure|aws|gcp FILE|URL... -o OVERLAY", Short: "Make an overlay of the price book from a provider's price feed",
		Long: `Reads the Azure Retail Prices API (JSON), an AWS price list (CSV or JSON) or the Google Cloud catalogue (JSON) from files or URLs, and
writes the prices that the price book has a use for as an overlay. All or nothing: a feed that is cut off, malformed or
contradicts itself leaves no file. A URL's pages are followed; of files all pages are given, in order. Prints what the overlay
changes. Take it into use with prices: {overlays: [OVERLAY]}.

  datagravity cost import --from azure 'https://prices.azure.com/api/retail/prices?$filter=serviceName%20eq%20%27Bandwidth%27' -o azure.json
  datagravity cost import --from aws https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AWSDataTransfer/current/index.csv -o aws.json
  datagravity cost import --from gcp 'https://cloudbilling.googleapis.com/v1/services/95FF-2EF5-5EA1/skus?key=KEY' -o gcp.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runImport(c.Context(), g, args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "whose feed: "+strings.Join(feed.Kinds, ", "))
	f.StringVarP(&o.out, "out", "o", "", "overlay `file` to write; one that is there is replaced")
	f.StringVar(&o.asOf, "as-of", "", "date of the prices, such as 2026-11-25 (default: what the feed says, or today)")
	f.StringVar(&o.region, "region", "", "region whose storage and request prices are taken (default: prices that all regions of the feed have)")
	return c
}

func runImport(ctx context.Context, g *globals, sources []string, o importFlags) error {
	switch {
	case !slices.Contains(feed.Kinds, o.from):
		return usageError{fmt.Errorf("--from %q: want one of %s", o.from, strings.Join(feed.Kinds, ", "))}
	case o.out == "":
		return usageError{errors.New("-o OVERLAY is missing: name the file to write")}
	}
	if _, err := time.Parse(time.DateOnly, o.asOf); o.asOf != "" && err != nil {
		return usageError{fmt.Errorf("--as-of %q: want a date such as 2026-11-25", o.asOf)}
	}
	p, err := g.prices()
	if err != nil {
		return err
	}
	options := feed.Options{Book: p.book, Now: time.Now, AsOf: o.asOf, Region: o.region}
	if p.cfg != nil {
		options.Exchange = p.cfg.Exchange
	}
	r, err := feed.Import(ctx, o.from, sources, options)
	var file *fs.PathError
	if errors.As(err, &file) {
		err = fmt.Errorf("%s: %w", file.Path, fileError(err))
	}
	if err != nil {
		return ended(ctx, err)
	}
	if err := writeOverlay(o.out, r); err != nil {
		return err
	}
	if g.json {
		return g.printJSON(struct {
			Out     string         `json:"out"`
			Version string         `json:"version"`
			AsOf    string         `json:"as_of"`
			Entries int            `json:"entries"`
			Rows    int64          `json:"rows"`
			Used    int64          `json:"used"`
			Ignored []feed.Ignored `json:"ignored"`
			Changes []feed.Change  `json:"changes"`
		}{o.out, r.Overlay.Version, r.Overlay.AsOf, entriesIn(r), r.Rows, r.Used, r.Ignored, r.Changes})
	}
	return printImport(g, o.out, p.book.Version, r)
}

func entriesIn(r *feed.Result) int {
	v := r.Overlay
	return len(v.Allowances) + len(v.Transfers) + len(v.Requests) + len(v.Retrievals) + len(v.Storage)
}

func printImport(g *globals, out, book string, r *feed.Result) error {
	_, _ = fmt.Fprintf(g.out, "%s: %d entries as of %s, from %d of %d rows\n", out, entriesIn(r), r.Overlay.AsOf, r.Used, r.Rows)
	for _, i := range r.Ignored {
		_, _ = fmt.Fprintf(g.out, "not used: %d %s\n", i.Rows, i.Reason)
	}
	if len(r.Changes) == 0 {
		_, _ = fmt.Fprintf(g.out, "no price differs from price book %s; the dates and sources are newer\n", book)
	} else {
		_, _ = fmt.Fprintf(g.out, "%d entries differ from price book %s:\n", len(r.Changes), book)
	}
	for _, c := range r.Changes {
		_, _ = fmt.Fprintf(g.out, "  %s\n", c.ID)
		for _, side := range []struct{ word, text string }{{"was", c.Before}, {"is", c.After}} {
			if side.text == "" {
				side.text = "nothing"
			}
			_, _ = fmt.Fprintf(g.out, "    %-4s%s\n", side.word, side.text)
		}
	}
	_, err := fmt.Fprintf(g.out, "To use it: prices: {overlays: [%s]}\n", out)
	return err
}

// writeOverlay replaces the file. Whoever runs the agent may be somebody else, and must read it.
func writeOverlay(path string, r *feed.Result) error {
	text, err := json.MarshalIndent(r.Overlay, "", "  ")
	if err != nil {
		return err
	}
	return manifest.WriteFile(path, append(text, '\n'), 0o644)
}
