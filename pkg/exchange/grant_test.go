package exchange

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

const (
	someNonce   = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	otherNonce  = "ffeeddccbbaa99887766554433221100"
	someAccount = "0123456789abcdef"
)

func someRequest() GrantRequest {
	return GrantRequest{
		Datagravity: version, Kind: requestKind, ID: someID, Edge: "edge 1/2", Location: "gcp:us-central1", Dataset: "c4", Destination: "gcp",
		DestinationLocation: "gcp:us-central1", Job: "llama <7>", Team: "research", Bytes: 7 << 30, LeastBytes: 1 << 30, Requests: 9000,
		Time: noon, Expires: noon.Add(time.Minute), Until: noon.Add(6 * time.Hour),
	}
}

// bareRequest has only what a request must have.
func bareRequest() GrantRequest {
	r := someRequest()
	r.Destination, r.DestinationLocation, r.Job, r.Team = "", "", "", ""
	return r
}

func someGrant() Grant {
	return Grant{
		Datagravity: version, Kind: grantKind, ID: someID, Edge: "edge 1/2", Dataset: "c4", Origin: "lab-1", Account: someAccount, Sequence: 42,
		Bytes: 7 << 30, Requests: 9000, NanoUSD: 609_000_000, Time: noon.Add(5 * time.Second), Expires: noon.Add(6 * time.Hour),
	}
}

func someRefusal() Grant {
	g := someGrant()
	g.Bytes, g.Requests, g.NanoUSD, g.Refused = 0, 0, 0, `budget "iowa" has 1.20 USD left until December`
	return g
}

func someClaim() Claim {
	return Claim{Datagravity: version, Kind: claimKind, ID: someID, Edge: "edge 1/2", Nonce: someNonce, Time: noon.Add(6 * time.Second)}
}

func someRevocation() Claim {
	c := someClaim()
	c.Nonce, c.Revoked, c.Time = otherNonce, true, noon.Add(7*time.Hour)
	return c
}

func someSettlement() Settlement {
	return Settlement{
		Datagravity: version, Kind: settlementKind, ID: someID, Edge: "edge 1/2", Nonce: someNonce, Bytes: 6 << 30, Requests: 8100,
		NanoUSD: 522_000_000, Time: noon.Add(time.Hour),
	}
}

func someMark() LedgerMark {
	return LedgerMark{Datagravity: version, Kind: markKind, Origin: "lab-1", Account: someAccount, Sequence: 42, Time: noon.Add(5 * time.Second)}
}

// kindOfPaper is what there is to do with one kind of document.
type kindOfPaper[T any] struct {
	kind string
	key  string
	some func() T
	seal func(T) ([]byte, error)
	put  func(Writer, T) error
	read func(Reader) (T, bool, error)
}

func sealer[T any, P interface {
	*T
	paper
}](v T) ([]byte, error) {
	return seal(&v, P(&v).checksum())
}

var (
	someCorner = corner{"edge 1/2", someID}

	requests = kindOfPaper[GrantRequest]{
		requestKind, someCorner.requestKey(), someRequest, sealer[GrantRequest],
		func(w Writer, r GrantRequest) error { return AskGrant(context.Background(), w, r) },
		func(r Reader) (GrantRequest, bool, error) {
			return ReadGrantRequest(context.Background(), r, "edge 1/2", someID)
		},
	}
	grants = kindOfPaper[Grant]{
		grantKind, someCorner.grantKey(), someGrant, sealer[Grant],
		func(w Writer, g Grant) error { return PutGrant(context.Background(), w, g) },
		func(r Reader) (Grant, bool, error) { return ReadGrant(context.Background(), r, "edge 1/2", someID) },
	}
	claims = kindOfPaper[Claim]{
		claimKind, someCorner.claimKey(), someClaim, sealer[Claim],
		func(w Writer, c Claim) error { _, err := PutClaim(context.Background(), w, c); return err },
		func(r Reader) (Claim, bool, error) { return ReadClaim(context.Background(), r, "edge 1/2", someID) },
	}
	settlements = kindOfPaper[Settlement]{
		settlementKind, someCorner.settlementKey(), someSettlement, sealer[Settlement],
		func(w Writer, s Settlement) error { return PutSettlement(context.Background(), w, s) },
		func(r Reader) (Settlement, bool, error) {
			return ReadSettlement(context.Background(), r, "edge 1/2", someID)
		},
	}
	marks = kindOfPaper[LedgerMark]{
		markKind, markKey, someMark, sealer[LedgerMark],
		func(w Writer, m LedgerMark) error {
			return PutLedgerMark(context.Background(), w, m, store.Object{}, false)
		},
		func(r Reader) (LedgerMark, bool, error) {
			m, _, found, err := ReadLedgerMark(context.Background(), r)
			return m, found && err == nil, err
		},
	}
)

// sealed is a document as it lies in the store.
func (k kindOfPaper[T]) sealed(t tester, change func(*T)) []byte {
	t.Helper()
	v := k.some()
	change(&v)
	b, err := k.seal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (k kindOfPaper[T]) good(t tester) []byte {
	t.Helper()
	return k.sealed(t, func(*T) {})
}

func (k kindOfPaper[T]) mustPut(t *testing.T, w Writer, v T) {
	t.Helper()
	if err := k.put(w, v); err != nil {
		t.Fatal(err)
	}
}

// mustRead wants to read v, but for its seal.
func (k kindOfPaper[T]) mustRead(t tester, r Reader, v T) {
	t.Helper()
	got, found, err := k.read(r)
	if err != nil || !found {
		t.Fatalf("%s: %v, %v", k.kind, found, err)
	}
	if d := cmp.Diff(v, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Check" }, cmp.Ignore())); d != "" {
		t.Fatalf("%s: %s", k.kind, d)
	}
}

// testPut writes what a caller fills in, reads it, and writes it again.
func (k kindOfPaper[T]) testPut(t *testing.T, bare, whole, other T) {
	t.Helper()
	now := noon
	s := storeAt(&now)
	if v, found, err := k.read(s); found || err != nil {
		t.Errorf("%s: read %+v, %v where there is none", k.kind, v, err)
	}
	for range 2 {
		if err := k.put(s, bare); err != nil {
			t.Fatal(err)
		}
		k.mustRead(t, s, whole)
	}
	if b, want := content(t, s, k.key), k.sealed(t, func(v *T) { *v = whole }); !bytes.Equal(b, want) {
		t.Errorf("%s: wrote %s, want %s", k.kind, b, want)
	}
	err := k.put(s, other)
	conflict := errors.Is(err, store.ErrConflict) && strings.Contains(err.Error(), k.kind)
	if k.kind == claimKind {
		conflict = err == nil // it answers with who was first
	}
	if !conflict {
		t.Errorf("%s: another one over it: %v", k.kind, err)
	}
	k.mustRead(t, s, whole)
	if list := keys(t, s, ""); len(list) != 1 || list[0].ContentType != "application/json" {
		t.Errorf("%s: %+v", k.kind, list)
	}
}

// What the writer sets need not be filled in, and times are cut to whole seconds in UTC.
func TestGrantPapersAreWrittenOnce(t *testing.T) {
	east := time.FixedZone("east", 3600)
	odd := func(at time.Time) time.Time { return at.Add(999 * time.Millisecond).In(east) }

	r, other := someRequest(), someRequest()
	r.Datagravity, r.Kind, r.Time, r.Expires, r.Until = 0, "", odd(r.Time), odd(r.Expires), odd(r.Until)
	other.Bytes++
	requests.testPut(t, r, someRequest(), other)

	g, refusal := someGrant(), someRefusal()
	g.Datagravity, g.Kind, g.Time, g.Expires = 0, "", odd(g.Time), odd(g.Expires)
	grants.testPut(t, g, someGrant(), refusal)
	refusal.Datagravity, refusal.Kind, refusal.Time = 0, "", odd(refusal.Time)
	grants.testPut(t, refusal, someRefusal(), g)

	c, revoked := someClaim(), someRevocation()
	c.Datagravity, c.Kind, c.Time = 0, "", odd(c.Time)
	claims.testPut(t, c, someClaim(), revoked)
	revoked.Datagravity, revoked.Kind, revoked.Time = 0, "", odd(revoked.Time)
	claims.testPut(t, revoked, someRevocation(), c)

	s, more := someSettlement(), someSettlement()
	s.Datagravity, s.Kind, s.Time = 0, "", odd(s.Time)
	more.NanoUSD++
	settlements.testPut(t, s, someSettlement(), more)

	m, later := someMark(), someMark()
	m.Datagravity, m.Kind, m.Time = 0, "", odd(m.Time)
	later.Sequence++
	marks.testPut(t, m, someMark(), later)
}

// Fields at their limits, and texts of whatever can be printed, are read as they were written.
func TestAnyGrantPaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune(`aZ9 ./%\"[]{}<&é,:check`)), 1, 20, maxNameBytes).Filter(func(s string) bool { return checkName("", s) == nil })
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`aZ9 ./%\"[]{}<&é,:check`)), 0, -1, maxGrantTextBytes)
		least := rapid.Int64Min(1)
		id, nonce := rapid.StringMatching("[0-9a-f]{32}"), rapid.StringMatching("[0-9a-f]{32}")
		at := func(from time.Time, first, most time.Duration) time.Time {
			return wholeSeconds(from.Add(time.Duration(rapid.Int64Range(int64(first), int64(most)).Draw(t, "time"))))
		}

		r := someRequest()
		r.ID, r.Edge, r.Dataset, r.Location = id.Draw(t, "id"), name.Draw(t, "edge"), name.Draw(t, "dataset"), name.Draw(t, "location")
		r.Destination, r.DestinationLocation, r.Job, r.Team = text.Draw(t, "destination"), text.Draw(t, "its location"), text.Draw(t, "job"), text.Draw(t, "team")
		r.Bytes, r.Requests = least.Draw(t, "bytes"), least.Draw(t, "requests")
		r.LeastBytes = rapid.Int64Range(1, r.Bytes).Draw(t, "least bytes")
		r.Time = at(noon, -1e15, 1e15)
		r.Expires, r.Until = at(r.Time, time.Second, MaxLifetime), at(r.Time, 0, MaxLifetime)
		roundTrip(t, r)

		g := someGrant()
		g.ID, g.Edge, g.Dataset, g.Origin = r.ID, r.Edge, r.Dataset, name.Draw(t, "origin")
		g.Account = rapid.StringMatching("[0-9a-f]{16}").Draw(t, "account")
		g.Sequence = rapid.Uint64Min(1).Draw(t, "sequence")
		g.Bytes, g.Requests, g.NanoUSD = least.Draw(t, "bytes"), least.Draw(t, "requests"), rapid.Int64Min(0).Draw(t, "cost")
		g.Time, g.Expires = r.Time, r.Expires
		if g.Refused = text.Draw(t, "refused"); g.Refused != "" {
			g.Bytes, g.Requests, g.NanoUSD = 0, 0, 0
		}
		roundTrip(t, g)
		roundTrip(t, Claim{version, claimKind, g.ID, g.Edge, nonce.Draw(t, "nonce"), rapid.Bool().Draw(t, "revoked"), r.Time, someDigest("", 0)})
		use := rapid.Int64Min(0)
		roundTrip(t, Settlement{
			version, settlementKind, g.ID, g.Edge, nonce.Draw(t, "nonce"), use.Draw(t, "bytes"), use.Draw(t, "requests"), use.Draw(t, "cost"), r.Time, someDigest("", 0),
		})
		roundTrip(t, LedgerMark{version, markKind, g.Origin, g.Account, rapid.Uint64().Draw(t, "last"), r.Time, someDigest("", 0)})
	})
}

// roundTrip encodes, decodes and compares, and encodes the same again.
func roundTrip[T any, P interface {
	*T
	paper
}](t *rapid.T, v T) {
	t.Helper()
	b, err := encodePaper(P(&v)) // seals v, too
	if err != nil {
		t.Fatal(err)
	}
	var read T
	if err := decodePaper(b, P(&read)); err != nil || !cmp.Equal(v, read) {
		t.Fatalf("%s: %v\n%s", b, err, cmp.Diff(v, read))
	}
	if again, err := encodePaper(P(&read)); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%s, then %s: %v", b, again, err)
	}
}

// The least and the most that can be written.
func TestGrantPapersAtTheirLimits(t *testing.T) {
	now := noon
	r, g, none := someRequest(), someGrant(), someSettlement()
	r.Bytes, r.LeastBytes, r.Requests, r.Expires, r.Until = 1, 1, 1, r.Time.Add(time.Second), r.Time
	g.Bytes, g.Requests, g.NanoUSD, g.Sequence, g.Expires = 1, 1, 0, 1, g.Time.Add(time.Second)
	none.Bytes, none.Requests, none.NanoUSD = 0, 0, 0
	s := storeAt(&now)
	requests.mustPut(t, s, r)
	requests.mustRead(t, s, r)
	grants.mustPut(t, s, g)
	grants.mustRead(t, s, g)
	settlements.mustPut(t, s, none)
	settlements.mustRead(t, s, none)

	r.Bytes, r.LeastBytes, r.Requests, r.Expires, r.Until = math.MaxInt64, math.MaxInt64, math.MaxInt64, r.Time.Add(MaxLifetime), r.Time.Add(MaxLifetime)
	g.Bytes, g.Requests, g.NanoUSD, g.Sequence, g.Expires = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxUint64, g.Time.Add(MaxLifetime)
	s = storeAt(&now)
	requests.mustPut(t, s, r)
	requests.mustRead(t, s, r)
	grants.mustPut(t, s, g)
	grants.mustRead(t, s, g)
}

// The longest texts fit into a document.
func TestLargestGrantRequest(t *testing.T) {
	text := strings.Repeat(`"`, maxGrantTextBytes)
	r := someRequest()
	r.Location, r.Destination, r.DestinationLocation, r.Job, r.Team = text, text, text, text, text
	r.Edge, r.Dataset = text[:maxNameBytes], text[:maxNameBytes]
	s := mem.New(mem.Options{})
	if err := requests.put(s, r); err != nil {
		t.Fatal(err)
	}
	if got, found, err := ReadGrantRequest(context.Background(), s, r.Edge, r.ID); err != nil || !found || got.Team != text {
		t.Errorf("%v, %v", found, err)
	}
}
