package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// refusal is one rule: what is changed so, is refused with these words. set are fields that the writer sets itself.
type refusal[T any] struct {
	want   string
	change func(*T)
	set    bool
}

// refuses tries each rule from both sides: nobody writes it, and nobody believes it.
func (k kindOfPaper[T]) refuses(t *testing.T, rules []refusal[T]) {
	t.Helper()
	now := noon
	for _, rule := range rules {
		s := storeAt(&now)
		v := k.some()
		rule.change(&v)
		if !rule.set {
			err := k.put(s, v)
			if err == nil || !strings.Contains(err.Error(), rule.want) || !strings.HasPrefix(err.Error(), "write ") || len(keys(t, s, "")) > 0 {
				t.Errorf("%s, %q: written: %v", k.kind, rule.want, err)
			}
		}
		overwrite(t, s, k.key, k.sealed(t, rule.change))
		k.mustRefuse(t, s, rule.want)
	}
	k.refusesAnySpelling(t)
}

// mustRefuse wants what stands there to be refused, and the object to be named.
func (k kindOfPaper[T]) mustRefuse(t *testing.T, s *mem.Store, want string) {
	t.Helper()
	var none T
	v, found, err := k.read(s)
	if found || any(v) != any(none) || !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), k.key+" is not usable: ") {
		t.Errorf("%s, %q: read %+v, %v", k.kind, want, v, err)
	}
	if errors.Is(err, ErrVersion) != (want == "use a newer one") {
		t.Errorf("%s, %q: %v", k.kind, want, err)
	}
}

// refusesAnySpelling tries what the types cannot express.
func (k kindOfPaper[T]) refusesAnySpelling(t *testing.T) {
	t.Helper()
	now := noon
	s, good := storeAt(&now), k.good(t)
	replace := func(old, new string) []byte {
		b := bytes.Replace(good, []byte(old), []byte(new), 1)
		if bytes.Equal(b, good) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return b
	}
	for want, b := range map[string][]byte{
		"it has 0 bytes":          {},
		"1 to 16384":              bytes.Repeat([]byte(" "), maxDocumentBytes+1),
		"malformed":               []byte("{"),
		"use a newer one":         replace(`"datagravity":1`, `"datagravity":2`),
		"it names no version":     replace(`"datagravity":1,`, ``),
		"it is no " + k.kind:      replace(`"kind":"`, `"kind":"x`),
		"not written as":          replace(`,`, `, `),
		"as this version writes":  replace(`"kind"`, `"x":1,"kind"`),
		"as this version":         replace(`"kind"`, `"KIND"`),
		"not written as this":     bytes.TrimSuffix(good, []byte("\n")),
		"does not match":          replace(`2026-11-25`, `2026-11-24`),
		"it has version 0, want ": replace(`"datagravity":1`, `"datagravity":0`),
	} {
		overwrite(t, s, k.key, b)
		k.mustRefuse(t, s, want)
	}
	overwrite(t, s, k.key, good)
	k.mustRead(t, s, k.some())

	// The store says that it was written more than a day before.
	for late, ok := range map[time.Duration]bool{-futureMost - 8*time.Hour: false, 0: true} {
		now = noon.Add(late)
		overwrite(t, s, k.key, good)
		if ok {
			k.mustRead(t, s, k.some())
		} else {
			k.mustRefuse(t, s, "look at the clocks")
		}
	}
	k.mustRead(t, undated{s}, k.some()) // nothing to compare with

	// An error of the store is not a document's.
	if _, found, err := k.read(&deaf{s}); found || !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, ErrBad) || !strings.HasPrefix(err.Error(), "read ") {
		t.Errorf("%s: %v, %v", k.kind, found, err)
	}
}

// undated does not tell when anything was written.
type undated struct{ Lister }

func (u undated) Head(ctx context.Context, key string) (store.Object, error) {
	o, err := u.Lister.Head(ctx, key)
	o.Modified = time.Time{}
	return o, err
}

// deaf cannot be read.
type deaf struct{ Lister }

func (d *deaf) ReadRange(context.Context, store.Ref, int64, []byte) error { return io.ErrClosedPipe }

func TestBadGrantRequests(t *testing.T) {
	long := strings.Repeat("a", maxGrantTextBytes+1)
	requests.refuses(t, []refusal[GrantRequest]{
		{"it is no grant-request", func(r *GrantRequest) { r.Kind = grantKind }, true},
		{"it has version 0", func(r *GrantRequest) { r.Datagravity = 0 }, true},
		{"32 lower-case hex digits", func(r *GrantRequest) { r.ID = someID[1:] }, false},
		{"32 lower-case hex digits", func(r *GrantRequest) { r.ID = strings.ToUpper(someID) }, false},
		{"32 lower-case hex digits", func(r *GrantRequest) { r.ID = someID[1:] + "g" }, false},
		{"names no edge", func(r *GrantRequest) { r.Edge = "" }, false},
		{"no name of a edge", func(r *GrantRequest) { r.Edge = ".." }, false},
		{"names no location", func(r *GrantRequest) { r.Location = "" }, false},
		{"the location has 1025 bytes", func(r *GrantRequest) { r.Location = long }, false},
		{"the location \"a\\n\" has", func(r *GrantRequest) { r.Location = "a\n" }, false},
		{"names no dataset", func(r *GrantRequest) { r.Dataset = "" }, false},
		{"the destination has 1025 bytes", func(r *GrantRequest) { r.Destination = long }, false},
		{"cannot be printed", func(r *GrantRequest) { r.Destination = "\x1b[2J" }, false},
		{"the location of the destination has 1025", func(r *GrantRequest) { r.DestinationLocation = long }, false},
		{"cannot be printed", func(r *GrantRequest) { r.DestinationLocation = "\n" }, false},
		{"the job has 1025 bytes", func(r *GrantRequest) { r.Job = long }, false},
		{"cannot be printed", func(r *GrantRequest) { r.Job = "\t" }, false},
		{"the team has 1025 bytes", func(r *GrantRequest) { r.Team = long }, false},
		{"cannot be printed", func(r *GrantRequest) { r.Team = "\u2028" }, false},
		{"it wants 0 bytes", func(r *GrantRequest) { r.Bytes = 0 }, false},
		{"it wants -1 bytes", func(r *GrantRequest) { r.Bytes = -1 }, false},
		{"in 0 requests", func(r *GrantRequest) { r.Requests = 0 }, false},
		{"in -1 requests", func(r *GrantRequest) { r.Requests = -1 }, false},
		{"least it wants is 0 bytes", func(r *GrantRequest) { r.LeastBytes = 0 }, false},
		{"least it wants is -1 bytes", func(r *GrantRequest) { r.LeastBytes = -1 }, false},
		{"want 1 to the 7516192768", func(r *GrantRequest) { r.LeastBytes = r.Bytes + 1 }, false},
		{"not in whole seconds", func(r *GrantRequest) { r.Time = r.Time.Add(1) }, true},
		{"not in whole seconds", func(r *GrantRequest) { r.Expires = r.Expires.Add(1) }, true},
		{"not in whole seconds", func(r *GrantRequest) { r.Until = r.Until.Add(1) }, true},
		{"its time is none", func(r *GrantRequest) { r.Time = time.Time{} }, false},
		{"its time is none", func(r *GrantRequest) { r.Until = time.Time{} }, false},
		{"want later, by at most", func(r *GrantRequest) { r.Expires = r.Time }, false},
		{"want later, by at most", func(r *GrantRequest) { r.Expires = r.Time.Add(MaxLifetime + time.Second) }, false},
		{"want no earlier", func(r *GrantRequest) { r.Until = r.Time.Add(-time.Second) }, false},
		{"want no earlier", func(r *GrantRequest) { r.Until = r.Time.Add(MaxLifetime + time.Second) }, false},
	})
	requests.refusesOfOthers(t, func(r *GrantRequest, edge, id string) { r.Edge, r.ID = edge, id })
}

func TestBadGrants(t *testing.T) {
	refuse := func(g *Grant) { *g = someRefusal() }
	grants.refuses(t, []refusal[Grant]{
		{"it is no grant", func(g *Grant) { g.Kind = requestKind }, true},
		{"32 lower-case hex digits", func(g *Grant) { g.ID = "" }, false},
		{"names no edge", func(g *Grant) { g.Edge = "" }, false},
		{"names no dataset", func(g *Grant) { g.Dataset = "" }, false},
		{"names no origin", func(g *Grant) { g.Origin = "" }, false},
		{"the most is 80", func(g *Grant) { g.Origin = strings.Repeat("a", 81) }, false},
		{"the account \"\" is not 16 lower", func(g *Grant) { g.Account = "" }, false},
		{"is not 16 lower", func(g *Grant) { g.Account = strings.ToUpper(someAccount) }, false},
		{"is not 16 lower", func(g *Grant) { g.Account = someAccount + "00" }, false},
		{"has no sequence", func(g *Grant) { g.Sequence = 0 }, false},
		{"has no sequence", func(g *Grant) { refuse(g); g.Sequence = 0 }, false},
		{"of 0 bytes", func(g *Grant) { g.Bytes = 0 }, false},
		{"of -1 bytes", func(g *Grant) { g.Bytes = -1 }, false},
		{"0 requests", func(g *Grant) { g.Requests = 0 }, false},
		{"-1 requests", func(g *Grant) { g.Requests = -1 }, false},
		{"-1 nano USD", func(g *Grant) { g.NanoUSD = -1 }, false},
		{"refuses and grants", func(g *Grant) { refuse(g); g.Bytes = 1 }, false},
		{"refuses and grants", func(g *Grant) { refuse(g); g.Requests = 1 }, false},
		{"refuses and grants", func(g *Grant) { refuse(g); g.NanoUSD = 1 }, false},
		{"the refusal has 1025", func(g *Grant) { refuse(g); g.Refused = strings.Repeat("a", 1025) }, false},
		{"cannot be printed", func(g *Grant) { refuse(g); g.Refused = "a\nb" }, false},
		{"not in whole seconds", func(g *Grant) { g.Time = g.Time.Add(1) }, true},
		{"not in whole seconds", func(g *Grant) { g.Expires = g.Expires.Add(1) }, true},
		{"want later, by at most", func(g *Grant) { g.Expires = g.Time }, false},
		{"want later, by at most", func(g *Grant) { g.Expires = g.Time.Add(MaxLifetime + time.Second) }, false},
		{"want later, by at most", func(g *Grant) { refuse(g); g.Expires = g.Time }, false},
	})
	grants.refusesOfOthers(t, func(g *Grant, edge, id string) { g.Edge, g.ID = edge, id })
}

func TestBadClaims(t *testing.T) {
	claims.refuses(t, []refusal[Claim]{
		{"it is no claim", func(c *Claim) { c.Kind = settlementKind }, true},
		{"32 lower-case hex digits", func(c *Claim) { c.ID = "" }, false},
		{"names no edge", func(c *Claim) { c.Edge = "" }, false},
		{"the nonce \"\" is not 32 lower", func(c *Claim) { c.Nonce = "" }, false},
		{"is not 32 lower", func(c *Claim) { *c = someRevocation(); c.Nonce = "" }, false},
		{"is not 32 lower", func(c *Claim) { c.Nonce = strings.ToUpper(someNonce) }, false},
		{"not in whole seconds", func(c *Claim) { c.Time = c.Time.Add(1) }, true},
		{"its time is none", func(c *Claim) { c.Time = time.Time{} }, false},
	})
	claims.refusesOfOthers(t, func(c *Claim, edge, id string) { c.Edge, c.ID = edge, id })
}

func TestBadSettlements(t *testing.T) {
	settlements.refuses(t, []refusal[Settlement]{
		{"it is no settlement", func(s *Settlement) { s.Kind = claimKind }, true},
		{"32 lower-case hex digits", func(s *Settlement) { s.ID = "" }, false},
		{"names no edge", func(s *Settlement) { s.Edge = "" }, false},
		{"is not 32 lower", func(s *Settlement) { s.Nonce = someNonce[2:] }, false},
		{"of -1 bytes", func(s *Settlement) { s.Bytes = -1 }, false},
		{"-1 requests", func(s *Settlement) { s.Requests = -1 }, false},
		{"-9223372036854775808 nano USD", func(s *Settlement) { s.NanoUSD = math.MinInt64 }, false},
		{"not in whole seconds", func(s *Settlement) { s.Time = s.Time.Add(1) }, true},
		{"its time is none", func(s *Settlement) { s.Time = time.Time{} }, false},
	})
	settlements.refusesOfOthers(t, func(s *Settlement, edge, id string) { s.Edge, s.ID = edge, id })
}

func TestBadLedgerMarks(t *testing.T) {
	marks.refuses(t, []refusal[LedgerMark]{
		{"it is no ledger", func(m *LedgerMark) { m.Kind = grantKind }, true},
		{"names no origin", func(m *LedgerMark) { m.Origin = "" }, false},
		{"is not 16 lower", func(m *LedgerMark) { m.Account = someAccount[1:] }, false},
		{"not in whole seconds", func(m *LedgerMark) { m.Time = m.Time.Add(1) }, true},
		{"its time is none", func(m *LedgerMark) { m.Time = time.Time{} }, false},
	})
}

// refusesOfOthers puts what is about another grant in the place of one.
func (k kindOfPaper[T]) refusesOfOthers(t *testing.T, set func(v *T, edge, id string)) {
	t.Helper()
	now := noon
	s := storeAt(&now)
	for want, c := range map[string]corner{
		`it is ` + k.kind + ` ` + someID + ` of edge "other"`:           {"other", someID},
		`it is ` + k.kind + ` 11111111111111111111111111111111 of edge`: {"edge 1/2", strings.Repeat("1", 32)},
	} {
		overwrite(t, s, k.key, k.sealed(t, func(v *T) { set(v, c.edge, c.id) }))
		k.mustRefuse(t, s, want)
	}
}

// Nobody is asked about what cannot be a key.
func TestGrantsOfNobody(t *testing.T) {
	ctx := context.Background()
	for _, c := range []corner{{"..", someID}, {"", someID}, {"edge", "x"}} {
		_, _, request := ReadGrantRequest(ctx, nil, c.edge, c.id)
		_, _, grant := ReadGrant(ctx, nil, c.edge, c.id)
		_, _, claim := ReadClaim(ctx, nil, c.edge, c.id)
		_, _, settlement := ReadSettlement(ctx, nil, c.edge, c.id)
		remove := RemoveGrant(ctx, nil, c.edge, c.id)
		for _, err := range []error{request, grant, claim, settlement, remove} {
			if err == nil || errors.Is(err, ErrBad) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
}
