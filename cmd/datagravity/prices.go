package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

type pricesFlags struct {
	from, to       string
	kind, provider string
	match          string
	unverified     bool
	olderThan      string
}

func newPrices(g *globals) *cobra.Command {
	var o pricesFlags
	c := &cobra.Command{
		Use: "prices [--from PLACE --to PLACE]", Short: "Explain what a byte costs between two places, or list the price book",
		Long: `With --from and --to, a location (azure:eastus) or a configured store each: how the hop is billed, its tiers, which meter decides
them, where and when the price was seen, and what discounts, programmes, charges at the agent and other ways would change.
Without them: the entries of the price book, which the filters narrow.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runPrices(g, o) },
	}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "provider:region or a store, for example azure:eastus")
	f.StringVar(&o.to, "to", "", "provider:region or a store, for example aws:us-east-1 or onprem:lab1")
	f.StringVar(&o.kind, "kind", "", "list only "+strings.Join(cost.Kinds, ", "))
	f.StringVar(&o.provider, "provider", "", "list only a provider's")
	f.StringVar(&o.match, "match", "", "list only entries with this text in the id, the description or the meter")
	f.BoolVar(&o.unverified, "unverified", false, "list only what no source proves")
	f.StringVar(&o.olderThan, "older-than", "", "list only prices seen before this date, for example 2026-01-01")
	return c
}

// priced is the price book in use: the configuration's if there is one, else the built-in one.
type priced struct {
	book   *cost.Book
	routes cost.RouteOptions
	cfg    *config.Config // nil without a configuration
}

func (g *globals) prices() (p priced, err error) {
	p = priced{book: cost.Default()}
	a, err := g.load()
	if err != nil {
		if g.config == "" && configMissing(err) {
			return p, nil
		}
		return p, err
	}
	defer closing(a, &err)
	p.cfg = a.cfg
	p.book, p.routes, err = a.cfg.PriceBook()
	return p, err
}

// configMissing tells that no configuration was found, rather than a wrong one.
func configMissing(err error) bool {
	var bad *config.Error
	return errors.As(err, &bad) && bad.Path == ""
}

// place reads a location or a configured store's name.
func (p priced) place(s string) (store.Location, error) {
	if p.cfg != nil {
		if st, ok := p.cfg.Stores[s]; ok {
			return st.Location, nil
		}
	}
	l, err := store.ParseLocation(s)
	if err != nil {
		return l, usageError{err}
	}
	return l, nil
}

func runPrices(g *globals, o pricesFlags) error {
	filters := o.kind != "" || o.provider != "" || o.match != "" || o.unverified || o.olderThan != ""
	switch {
	case (o.from == "") != (o.to == ""):
		return usageError{errors.New("--from and --to belong together; without both the price book is listed")}
	case o.from != "" && filters:
		return usageError{errors.New("--kind, --provider, --match, --unverified and --older-than narrow the list, which --from and --to do not print")}
	}
	p, err := g.prices()
	if err != nil {
		return err
	}
	if o.from == "" {
		return listPrices(g, p, o)
	}
	return explainPrice(g, p, o)
}

func listPrices(g *globals, p priced, o pricesFlags) error {
	if o.kind != "" && !slices.Contains(cost.Kinds, o.kind) {
		return usageError{fmt.Errorf("--kind %q: want one of %s", o.kind, strings.Join(cost.Kinds, ", "))}
	}
	if _, err := time.Parse(time.DateOnly, o.olderThan); o.olderThan != "" && err != nil {
		return usageError{fmt.Errorf("--older-than %q: want a date such as 2026-01-01", o.olderThan)}
	}
	entries := []cost.Entry{}
	for _, e := range p.book.Entries() {
		if o.shows(e) {
			entries = append(entries, e)
		}
	}
	if g.json {
		return g.printJSON(struct {
			BookVersion string       `json:"book_version"`
			AsOf        string       `json:"as_of"`
			Entries     []cost.Entry `json:"entries"`
		}{p.book.Version, p.book.AsOf, entries})
	}
	t := newTable(g.out)
	t.row("ID", "FOR", "AS OF", "VERIFIED", "PRICE")
	for _, e := range entries {
		t.row(e.ID, e.For, e.AsOf, yesNo(e.Verified), e.Price)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(g.out, "%d entries of price book %s\n", len(entries), p.book.Version)
	return err
}

func (o pricesFlags) shows(e cost.Entry) bool {
	text := strings.ToLower(strings.Join([]string{e.ID, e.For, e.Meter}, "\n"))
	return (o.kind == "" || e.Kind == o.kind) && (o.provider == "" || e.Provider == o.provider) && (!o.unverified || !e.Verified) &&
		(o.olderThan == "" || e.AsOf < o.olderThan) && strings.Contains(text, strings.ToLower(o.match))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// priceJSON is what cost prices --from --to prints with --json.
type priceJSON struct {
	From        string    `json:"from"`
	To          string    `json:"to"`
	Rate        cost.Rate `json:"rate"`
	BookVersion string    `json:"book_version"`
	// MonthToDate is what the configuration says that others used of the pool, null if it says nothing.
	MonthToDate *int64 `json:"month_to_date_bytes"`
	// TiBUSD is the price of the next TiB at that month-to-date, with ExpectedCredit of it to come back, and FixedPerHour beside it.
	TiBUSD         cost.NanoUSD `json:"next_tib_usd"`
	ExpectedCredit cost.NanoUSD `json:"expected_credit_usd"`
	FixedPerHour   cost.NanoUSD `json:"fixed_usd_per_hour"`
	StaleAt        string       `json:"stale_at,omitempty"`
	// Refusal is why a budget over this route may not rest on the price.
	Refusal      string            `json:"refusal,omitempty"`
	Programs     []cost.Eligible   `json:"programs"`
	Alternatives []alternativeJSON `json:"alternatives"`
}

type alternativeJSON struct {
	Rate         cost.Rate    `json:"rate"`
	TiBUSD       cost.NanoUSD `json:"next_tib_usd"`
	FixedPerHour cost.NanoUSD `json:"fixed_usd_per_hour"`
}

const tib = int64(1) << 40

func explainPrice(g *globals, p priced, o pricesFlags) error {
	from, err := p.place(o.from)
	if err != nil {
		return err
	}
	to, err := p.place(o.to)
	if err != nil {
		return err
	}
	routes := p.routes.FromStore(o.from)
	rate, err := p.book.Transfer(from, to, routes)
	if err != nil {
		return err
	}
	mtd := p.monthToDate(rate.Pool)
	out := priceJSON{
		From: from.String(), To: to.String(), Rate: rate, BookVersion: p.book.Version, MonthToDate: mtd,
		TiBUSD: rate.Price(tib, mtd), ExpectedCredit: rate.ExpectedCredit(tib, mtd), FixedPerHour: cost.FixedPerHour(rate),
		Programs: append([]cost.Eligible{}, p.book.Programs(from, to, routes)...), Alternatives: []alternativeJSON{},
	}
	if at, never := rate.StaleAt(routes.Trust.MaxAgeDays); !never {
		out.StaleAt = at.Format(time.DateOnly)
	}
	if err := routes.Trust.Check(rate, time.Now()); err != nil {
		out.Refusal = err.Error()
	}
	for _, r := range p.book.Alternatives(from, to, routes) {
		out.Alternatives = append(out.Alternatives, alternativeJSON{r, r.Price(tib, p.monthToDate(r.Pool)), cost.FixedPerHour(r)})
	}
	if g.json {
		return g.printJSON(out)
	}
	return out.print(g)
}

func (p priced) monthToDate(pool string) *int64 {
	if p.cfg == nil {
		return nil
	}
	used, ok := p.cfg.MonthToDate()[pool]
	if !ok {
		return nil
	}
	return &used
}

func (j priceJSON) print(g *globals) error {
	r := j.Rate
	_, _ = fmt.Fprintf(g.out, "%s\n\n", r.Explanation)
	t := newTable(g.out)
	t.row("entry", r.ID)
	t.row("class", r.Class)
	if r.Pool != "" {
		used := "what it has counted this month is not known, so every byte is priced at the dearest tier"
		if j.MonthToDate != nil {
			used = size(*j.MonthToDate) + " used by others this month"
		}
		t.row("pool", r.Pool+": "+used)
	}
	if r.Meter != "" {
		t.row("meter", r.Meter)
	}
	if r.Discount != nil {
		t.row("discount", r.Discount.String())
	}
	for _, c := range r.AgentCharges {
		t.row("at the agent", fmt.Sprintf("%s, %s per GiB", c.Name, c.NanoUSDPerGiB))
	}
	t.row("next TiB", j.TiBUSD)
	if j.ExpectedCredit > 0 {
		t.row("of it back", fmt.Sprintf("%s, once a bill shows it", j.ExpectedCredit))
	}
	if r.Fixed != nil {
		t.row("the link", r.Fixed.String())
	}
	if r.Source != "" {
		t.row("source", r.Source)
	}
	t.row("verified", yesNo(r.Verified))
	if j.StaleAt != "" {
		t.row("as of", fmt.Sprintf("%s, stale from %s", r.AsOf, j.StaleAt))
	}
	if j.Refusal != "" {
		t.row("budgets", j.Refusal)
	}
	t.row("book", j.BookVersion)
	for _, e := range j.Programs {
		t.row("programme", eligibility(e))
	}
	for _, a := range j.Alternatives {
		t.row("instead", a.words())
	}
	return t.flush()
}

func eligibility(e cost.Eligible) string {
	s := e.ID + ": "
	switch {
	case e.Applied && e.Missing == "":
		s += "you take part"
	case e.Applied:
		s += "you take part, but this route lacks " + e.Missing
	default:
		s += "off; needs " + e.Needs
	}
	return s
}

func (a alternativeJSON) words() string {
	s := fmt.Sprintf("%s: %s for the next TiB", a.Rate.ID, a.TiBUSD)
	switch {
	case a.Rate.Fixed != nil:
		s += ", and " + a.Rate.Fixed.String()
	case a.Rate.PrivateLink:
		s += ", and port and capacity by the hour, which the book does not know"
	}
	if !a.Rate.Verified {
		s += " (not verified)"
	}
	return s
}
