package cost

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// ProgramEntry is a provider's programme that pays some egress back. It is never a price: the bytes are priced gross, and
// the credit is booked when a bill shows it.
type ProgramEntry struct {
	Provenance
	Provider string   `json:"provider"`
	From     Selector `json:"from"`
	// To are the providers whose side counts as another cloud.
	To []string `json:"to"`
	// Routing "isp" is a condition on Azure's routing preference.
	Routing string `json:"routing,omitempty"`
	// CreditPercent of the gross price; null where the rate is not known.
	CreditPercent *int64 `json:"credit_percent"`
	// Needs says who is eligible and what they must do.
	Needs string `json:"needs"`
}

type program struct{ ProgramEntry }

// Enrolment is a programme that the operator takes part in. It changes no price.
type Enrolment struct {
	Program string
	// PPM is the share of the gross price that comes back, in millionths; 0 takes the book's.
	PPM int64
}

// Credit is what a programme is expected to pay back of a route's price.
type Credit struct {
	Program string `json:"program"`
	PPM     int64  `json:"ppm"` // millionths of the gross price
}

// Eligible is a programme that could apply to a route.
type Eligible struct {
	ProgramEntry
	Applied bool `json:"applied"` // the configuration takes part
	// Missing says what the route lacks, "" if nothing.
	Missing string `json:"missing,omitempty"`
}

func (b *Book) addProgram(e ProgramEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if err := b.checkSelector(e.From, e.Provider, false); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	for _, p := range e.To {
		if err := checkProvider(p); err != nil {
			return fmt.Errorf("to: %w", err)
		}
	}
	switch {
	case len(e.To) == 0:
		return errors.New("to is empty: name the providers that it is for")
	case e.Routing != "" && e.Routing != "isp":
		return fmt.Errorf("routing is %q: want isp or nothing", e.Routing)
	case e.CreditPercent != nil && (*e.CreditPercent < 0 || *e.CreditPercent > 100):
		return fmt.Errorf("credit_percent is %d: want 0 to 100, or null where it is not known", *e.CreditPercent)
	case e.Needs == "":
		return errors.New("needs is missing: say who is eligible")
	}
	b.programs = append(b.programs, program{e})
	return nil
}

// Programs are the programmes that could apply to a route, with what the route lacks.
func (b *Book) Programs(from, to store.Location, o RouteOptions) []Eligible {
	var out []Eligible
	for _, p := range b.programs {
		if p.Provider != from.Provider || !slices.Contains(p.To, to.Provider) || !p.From.matches(from.Region, b.regions[from], "") {
			continue
		}
		e := Eligible{ProgramEntry: p.ProgramEntry}
		e.Applied = slices.ContainsFunc(o.Enrolments, func(n Enrolment) bool { return n.Program == p.ID })
		if p.Routing == "isp" && !o.ISPRouting {
			e.Missing = "routing preference Internet"
		}
		out = append(out, e)
	}
	return out
}

// credits are what programmes that the operator takes part in are expected to pay back.
func (b *Book) credits(from, to store.Location, o RouteOptions) []Credit {
	var out []Credit
	for _, e := range b.Programs(from, to, o) {
		if !e.Applied || e.Missing != "" {
			continue
		}
		c := Credit{Program: e.ID}
		if e.CreditPercent != nil {
			c.PPM = *e.CreditPercent * (wholePPM / 100)
		}
		for _, n := range o.Enrolments {
			if n.Program == e.ID && n.PPM > 0 {
				c.PPM = n.PPM
			}
		}
		out = append(out, c)
	}
	return out
}

func (b *Book) checkEnrolments(list []Enrolment) error {
	for i, n := range list {
		at := slices.IndexFunc(b.programs, func(p program) bool { return p.ID == n.Program })
		switch {
		case at < 0:
			return fmt.Errorf("programs[%d]: the price book has no programme %q (known: %s)", i, n.Program, strings.Join(b.ProgramIDs(), ", "))
		case n.PPM < 0 || n.PPM > wholePPM:
			return fmt.Errorf("programs[%d]: a credit of %s%%: want 0%% to 100%%", i, percentOf(n.PPM))
		case n.PPM == 0 && b.programs[at].CreditPercent == nil:
			return fmt.Errorf("programs[%d]: what %s pays back is not known; state it in credit", i, n.Program)
		}
	}
	return nil
}

// ProgramIDs are the ids of the programmes that the book knows.
func (b *Book) ProgramIDs() []string {
	var out []string
	for _, p := range b.programs {
		out = append(out, p.ID)
	}
	return out
}

// ExpectedCredit is what programmes are expected to pay back of bytes priced at *monthToDate (nil: unknown), rounded half up.
// Budgets and the ledger know nothing of it: the gross price is spent until a bill shows the credit.
func (r Rate) ExpectedCredit(bytes int64, monthToDate *int64) NanoUSD {
	var ppm int64
	for _, c := range r.Credits {
		ppm = min(wholePPM, ppm+c.PPM)
	}
	r.AgentNanoUSDPerUnit = 0 // what the agent's network charges is not the provider's egress
	var p product
	p.add(ppm, r.Price(bytes, monthToDate))
	return p.per(wholePPM)
}
