package cost

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// newGrantedRig is at an edge: what leaves store training is granted by somebody else.
func newGrantedRig(t testing.TB, budgets ...Budget) *ledgerRig {
	t.Helper()
	r := newLedgerRig(t, budgets...)
	r.granted = map[string]bool{"training": true}
	r.crash(t)
	return r
}

// hold has a grant for what crosses to S3.
func (r *ledgerRig) hold(t rapid.TB, id string, bytes, requests int64) {
	t.Helper()
	g := manifest.HeldGrant{
		ID: id, For: over(toS3, 0).GrantFor(), Nonce: "n", Claimed: manifest.At(r.now), Bytes: bytes, Requests: requests, Expires: manifest.At(r.now.Add(time.Hour)),
	}
	if err := r.l.Hold(g); err != nil {
		t.Fatal(err)
	}
}

func (r *ledgerRig) held(t rapid.TB, id string) HeldUse {
	t.Helper()
	list, err := r.l.Grants(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if u.ID == id {
			return u
		}
	}
	return HeldUse{}
}

// asking is a crossing with so many requests.
func asking(bytes, requests int64) Crossing {
	c := over(toS3, bytes)
	c.Requests = map[Op]int64{OpRead: requests}
	return c
}

func (r *ledgerRig) notGranted(t rapid.TB, c ...Crossing) {
	t.Helper()
	ticket, err := r.l.Reserve(c, nil)
	if !errors.Is(err, ErrNoGrant) {
		t.Fatalf("%+v, %v", ticket, err)
	}
}

// Without a grant nothing leaves the store, however much the own budgets have; nor more than was granted, in bytes or requests, by however many.
func TestNothingIsReadBeyondAGrant(t *testing.T) {
	r := newGrantedRig(t, Budget{Name: "b", LimitBytes: 1 << 20})
	r.notGranted(t, asking(1, 1))
	elsewhere := over(Link{Source: "other", Dest: "s3-east", SourceLocation: eastus, DestLocation: useast}, 7)
	r.settle(t, r.reserve(t, elsewhere), 7) // needs none
	within := over(toS3, 1)
	within.From, within.To, within.Rate = useast, useast, freeRate(SamePlace, "") // at the destination
	r.settle(t, r.reserve(t, within), 1)
	r.want(t, "b", 7, 0)

	r.hold(t, "g", 100, 10)
	r.notGranted(t, asking(101, 1))
	r.notGranted(t, asking(1, 11))
	r.notGranted(t, asking(60, 1), asking(41, 1)) // all or none
	r.notGranted(t, asking(1, 6), asking(1, 5))
	if u := r.held(t, "g"); u.Window != (manifest.Window{}) {
		t.Errorf("what was refused was drawn: %+v", u.Window)
	}
	other := asking(1, 1)
	other.Job = "j"
	r.notGranted(t, other) // it is for another purpose
	one, two := r.reserve(t, asking(60, 3), asking(20, 3)), r.reserve(t, asking(20, 4))
	r.notGranted(t, asking(1, 1))
	if b, n := r.held(t, "g").Left(); b != 0 || n != 0 {
		t.Errorf("%d bytes and %d requests left", b, n)
	}
	if err := one.Settle([]Moved{{Bytes: 30, Requests: map[Op]int64{OpRead: 2}}, {Bytes: 20, Requests: map[Op]int64{OpRead: 1}}}); err != nil {
		t.Fatal(err)
	}
	if b, n := r.held(t, "g").Left(); b != 30 || n != 3 {
		t.Errorf("%d bytes and %d requests came back, want 30 and 3", b, n)
	}
	if _, closed, err := r.l.CloseGrant("g"); closed || err != nil {
		t.Errorf("closed while a read is under way: %v, %v", closed, err)
	}
	if err := two.Release(); err != nil {
		t.Fatal(err)
	}
	used, closed, err := r.l.CloseGrant("g")
	if err != nil || !closed || used.SettledBytes != 50 || used.SettledRequests != 3 || used.SettledNanoUSD != 50 {
		t.Errorf("%+v, %v, %v", used, closed, err)
	}
	r.notGranted(t, asking(1, 1))
	if again, closed, err := r.l.CloseGrant("g"); err != nil || !closed || again.Closed != used.Closed {
		t.Errorf("%+v, %v, %v", again, closed, err)
	}
	if err := errors.Join(r.l.DropGrant("g"), r.l.DropGrant("g")); err != nil {
		t.Fatal(err)
	}
	if u := r.held(t, "g"); u.ID != "" {
		t.Errorf("%+v", u)
	}
	if _, _, err := r.l.CloseGrant("g"); err == nil {
		t.Error("closed a grant that there is not")
	}
}

// Its end is by the ledger's time, which is not put back.
func TestGrantEnds(t *testing.T) {
	r := newGrantedRig(t)
	r.hold(t, "g", 100, 100)
	ticket := r.reserve(t, asking(10, 1))
	r.now = r.now.Add(time.Hour)
	r.notGranted(t, asking(1, 1))
	r.settle(t, ticket, 10) // what was begun counts
	elsewhere := over(Link{Source: "other", Dest: "s3-east", SourceLocation: eastus, DestLocation: useast}, 1)
	r.settle(t, r.reserve(t, elsewhere), 1)
	r.now = r.now.Add(-50 * time.Minute)
	r.notGranted(t, asking(1, 1))
	if u := r.held(t, "g"); u.SettledBytes != 10 || u.Usable {
		t.Errorf("%+v", u)
	}
}

// A process that follows one that died does not read on a grant until somebody looked whose it is. What was under way when it died was read.
func TestGrantAfterACrash(t *testing.T) {
	r := newGrantedRig(t)
	r.hold(t, "g", 100, 10)
	r.settle(t, r.reserve(t, asking(10, 1)), 5)
	r.reserve(t, asking(30, 2))
	r.crash(t)
	r.notGranted(t, asking(1, 1))
	if u := r.held(t, "g"); u.SettledBytes != 35 || u.SettledRequests != 2 || u.ReservedBytes != 0 || u.Usable {
		t.Errorf("%+v", u)
	}
	if !r.l.Sound() {
		t.Error("nothing was lost")
	}
	r.l.Resume("g")
	r.notGranted(t, asking(66, 1))
	r.settle(t, r.reserve(t, asking(65, 1)), 65)

	// An old manifest beside a journal that has all: what the journal knows counts on the grant.
	r.save(t, "saved")
	if err := r.reserve(t, asking(0, 3)).Settle([]Moved{{Requests: map[Op]int64{OpRead: 3}}}); err != nil {
		t.Fatal(err)
	}
	r.crash(t, restore("saved"))
	if u := r.held(t, "g"); u.SettledBytes != 100 || u.SettledRequests != 5 {
		t.Errorf("%+v", u)
	}
	r.crash(t, restore("saved"), loseJournal)
	if r.l.Sound() {
		t.Error("nobody noticed that a part of the account is lost")
	}
	r.crash(t, lose)
	if u := r.held(t, "g"); u.ID != "" {
		t.Errorf("a new manifest has a grant: %+v", u)
	}
}

// What tells whether there is anything to ask for is read before there is a grant, up to a limit; the next grant takes it over.
func TestWhatIsOwed(t *testing.T) {
	r := newGrantedRig(t)
	credit := func(bytes, limit int64) Crossing {
		c := asking(bytes, 1)
		c.Credit = limit
		return c
	}
	r.notGranted(t, credit(11, 10))
	r.settle(t, r.reserve(t, credit(6, 10)), 6)
	open := r.reserve(t, credit(4, 10))
	r.notGranted(t, credit(1, 10))
	r.hold(t, "g", 100, 10)
	r.settle(t, open, 4) // it was begun before, and is owed still
	if u, err := r.l.Owed("training"); err != nil || u.SettledBytes != 4 || u.ReservedBytes != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if u := r.held(t, "g"); u.SettledBytes != 6 || u.SettledNanoUSD != 6 {
		t.Errorf("%+v", u)
	}
	r.settle(t, r.reserve(t, credit(10, 10)), 10) // first what is granted
	if u := r.held(t, "g"); u.SettledBytes != 16 {
		t.Errorf("%+v", u)
	}
	r.crash(t)
	if u, err := r.l.Owed("training"); err != nil || u.SettledBytes != 4 {
		t.Errorf("%+v, %v", u, err)
	}
}

// asker is a [Granter] for tests.
type asker func(*NoGrant) error

func (f asker) More(short *NoGrant) error { return f(short) }

// What is missing for all that is reserved together is asked for once; who gives nothing is not asked forever.
func TestMoreIsAskedFor(t *testing.T) {
	r := newGrantedRig(t)
	asked := 0
	r.l.AskThrough(asker(func(short *NoGrant) error {
		if asked++; short.Bytes != 50 || short.Requests != 7 || short.Crossing.Dataset != "c4" {
			t.Errorf("asked for %+v", short)
		}
		r.hold(t, "g", 50, 7)
		return nil
	}))
	within := over(toS3, 1000)
	within.From, within.To = useast, useast
	ticket := r.reserve(t, asking(20, 4), within, asking(30, 3))
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if err := ticket.Release(); err != nil {
		t.Fatal(err)
	}
	asked = 0
	r.l.AskThrough(asker(func(*NoGrant) error { asked++; return nil }))
	r.notGranted(t, asking(51, 1))
	if asked != maxAsked {
		t.Errorf("asked %d times", asked)
	}
	no := errors.New("no")
	r.l.AskThrough(asker(func(*NoGrant) error { return no }))
	if _, err := r.l.Reserve([]Crossing{asking(51, 1)}, nil); !errors.Is(err, no) {
		t.Error(err)
	}
}

// Any order of reading, dying and looking again: what counts on a grant is never less than what was read, and never more than what was granted.
func TestHeldGrantModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newGrantedRig(t)
		const granted = 100
		r.hold(rt, "g", granted, 1<<20)
		var read int64 // settled, or under way when the process died
		var open []*Ticket
		var reserved []int64
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) {
				n := rapid.Int64Range(0, 40).Draw(rt, "bytes")
				ticket, err := r.l.Reserve([]Crossing{asking(n, 1)}, nil)
				if errors.Is(err, ErrNoGrant) {
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				open, reserved = append(open, ticket), append(reserved, n)
			},
			"settle": func(rt *rapid.T) {
				if len(open) == 0 {
					return
				}
				n := rapid.Int64Range(0, reserved[0]).Draw(rt, "moved")
				r.settle(rt, open[0], n)
				read += n
				open, reserved = open[1:], reserved[1:]
			},
			"die": func(rt *rapid.T) {
				r.crash(rt)
				for _, n := range reserved {
					read += n // it may have been
				}
				open, reserved = nil, nil
				if rapid.Bool().Draw(rt, "look") {
					r.l.Resume("g")
				}
			},
			"": func(rt *rapid.T) {
				u := r.held(rt, "g")
				if u.SettledBytes != read || u.SettledBytes+u.ReservedBytes > granted {
					rt.Fatalf("%d bytes count and %d are reserved, %d were read", u.SettledBytes, u.ReservedBytes, read)
				}
			},
		})
	})
}
