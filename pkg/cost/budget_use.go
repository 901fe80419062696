package cost

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"
	"unicode"

	"github.com/datagravity/datagravity/internal/saturating"
)

// ErrBudget: a reservation or a plan does not fit a budget. Nothing was sent for it. The error is an [*OverBudget] where one budget
// is to blame.
var ErrBudget = errors.New("over budget")

// Use is how a budget stands in the window that is open.
type Use struct {
	Budget Budget
	// Window is the one that is open, and Clock the one that the clock says. The window is the later one after the clock
	// was ahead: a closed window does not open again.
	Window string
	Clock  string
	// From and Until are the window's bounds; zero: none. One that slides ends now.
	From, Until time.Time
	Settled     NanoUSD
	Reserved    NanoUSD
	// Bytes on the wire.
	SettledBytes  int64
	ReservedBytes int64
	// Extra is what live approvals gave to this window so far, beyond the limit.
	ExtraNanoUSD NanoUSD
	ExtraBytes   int64
	// Approved is what live approvals for the budget, not for one job, could still give.
	ApprovedNanoUSD NanoUSD
	ApprovedBytes   int64
	// ApprovedForJobs is what live approvals for one job each could still give, beyond what was approved for the budget.
	ApprovedForJobs []JobApproved
	// Doubt is why nobody knows what was spent in this window, "" if it is known. The window then counts as spent.
	Doubt string
}

// Left is what can still be reserved: USD and bytes, each -1 without a limit of that kind.
func (u Use) Left() (NanoUSD, int64) {
	usd, bytes := NanoUSD(-1), int64(-1)
	if u.Budget.LimitNanoUSD > 0 {
		usd = max(0, AddNanoUSD(u.Budget.LimitNanoUSD, u.ExtraNanoUSD)-AddNanoUSD(u.Settled, u.Reserved))
	}
	if u.Budget.LimitBytes > 0 {
		bytes = max(0, saturating.Add(u.Budget.LimitBytes, u.ExtraBytes)-saturating.Add(u.SettledBytes, u.ReservedBytes))
	}
	if u.Doubt != "" {
		usd, bytes = min(usd, 0), min(bytes, 0)
	}
	return usd, bytes
}

// LeftWithApproved is Left with what was approved for the budget and not given yet. What was approved for a job is not in it, because others could
// not have it.
func (u Use) LeftWithApproved() (NanoUSD, int64) {
	usd, bytes := u.Left()
	if u.Doubt != "" {
		return usd, bytes
	}
	if usd >= 0 {
		usd = AddNanoUSD(usd, u.ApprovedNanoUSD)
	}
	if bytes >= 0 {
		bytes = saturating.Add(bytes, u.ApprovedBytes)
	}
	return usd, bytes
}

// JobApproved is what a job, and no other, was given in this window and may still be given.
type JobApproved struct {
	Job          string
	GivenNanoUSD NanoUSD
	GivenBytes   int64
	NanoUSD      NanoUSD
	Bytes        int64
}

// LeftFor is what a job can still reserve, with what was approved for it and for the budget: it may go beyond the limit by that, whatever carries
// others there. Without a job, or where nothing was approved for it, it is LeftWithApproved.
func (u Use) LeftFor(job string) (NanoUSD, int64) {
	own := false
	usd, bytes := AddNanoUSD(u.Budget.LimitNanoUSD, u.ExtraNanoUSD, u.ApprovedNanoUSD), saturating.Add(saturating.Add(u.Budget.LimitBytes, u.ExtraBytes), u.ApprovedBytes)
	for _, a := range u.ApprovedForJobs {
		if a.Job == job {
			own = true
			usd, bytes = AddNanoUSD(usd, a.NanoUSD), saturating.Add(bytes, a.Bytes)
		} else {
			usd, bytes = usd-a.GivenNanoUSD, bytes-a.GivenBytes
		}
	}
	switch {
	case job == "" || !own || u.Doubt != "":
		return u.LeftWithApproved()
	case u.Budget.LimitNanoUSD == 0:
		usd = -1
	default:
		usd = max(0, usd-AddNanoUSD(u.Settled, u.Reserved))
	}
	if u.Budget.LimitBytes == 0 {
		return usd, -1
	}
	return usd, max(0, bytes-saturating.Add(u.SettledBytes, u.ReservedBytes))
}

// wholeShare is all of a limit, in the hundredths of a percent that shares are counted in.
const wholeShare = 10_000

// Share is how much of the limit is spent and reserved, in hundredths of a percent, rounded down: of the scarcer kind, if there are two.
func (u Use) Share() int64 {
	share := func(used, limit int64) int64 {
		if limit <= 0 {
			return 0
		}
		hi, lo := bits.Mul64(uint64(max(0, used)), wholeShare)
		if hi >= uint64(limit) {
			return math.MaxInt64
		}
		q, _ := bits.Div64(hi, lo, uint64(limit))
		return int64(min(q, math.MaxInt64))
	}
	return max(share(saturating.Add(int64(u.Settled), int64(u.Reserved)), int64(u.Budget.LimitNanoUSD)),
		share(saturating.Add(u.SettledBytes, u.ReservedBytes), u.Budget.LimitBytes))
}

// missing is by how much an amount does not fit.
func (u Use) missing(amount NanoUSD, bytes int64) (NanoUSD, int64) {
	usdLeft, bytesLeft := u.Left()
	var moreUSD NanoUSD
	var moreBytes int64
	if usdLeft >= 0 {
		moreUSD = max(0, amount-usdLeft)
	}
	if bytesLeft >= 0 {
		moreBytes = max(0, bytes-bytesLeft)
	}
	return moreUSD, moreBytes
}

// OverBudget is an amount that does not fit a budget.
type OverBudget struct {
	Use Use
	// Subject that it is for.
	Subject Subject
	// NanoUSD and Bytes are what it needs at most, and More what of it is beyond what is left.
	NanoUSD, MoreNanoUSD NanoUSD
	Bytes, MoreBytes     int64
}

// Is tells that it is an [ErrBudget].
func (e *OverBudget) Is(target error) bool { return target == ErrBudget }

// Error says what is left, what is needed, and what to do.
func (e *OverBudget) Error() string {
	u := e.Use
	usdLeft, bytesLeft := u.Left()
	switch {
	case u.Doubt != "":
		return fmt.Sprintf("%v: nobody knows what budget %q has spent in %s: %s; so all of it counts as spent. Look at the bill, then: "+
			"datagravity budget reset --budget %s --reason TEXT", ErrBudget, u.Budget.Name, u.Window, u.Doubt, quoted(u.Budget.Name))
	case e.MoreNanoUSD > 0:
		return fmt.Sprintf("%v: budget %q has %s left of %s for %s (%s spent, %s reserved), and this needs up to %s; %s",
			ErrBudget, u.Budget.Name, usdLeft, u.Budget.LimitNanoUSD, u.Window, u.Settled, u.Reserved, e.NanoUSD, e.advice())
	default:
		return fmt.Sprintf("%v: budget %q has %d bytes left of %d for %s, and this needs up to %d; %s", ErrBudget, u.Budget.Name,
			bytesLeft, u.Budget.LimitBytes, u.Window, e.Bytes, e.advice())
	}
}

func (e *OverBudget) advice() string {
	u := e.Use
	switch {
	case u.Budget.Ask:
		return "it asks for an approval: " + e.Approve() + "; or choose fewer shards"
	case u.Window != u.Clock:
		return fmt.Sprintf("the clock says %s and was ahead once, so that the window of %s stays open until the clock passes "+
			"it; raise the budget, or choose fewer shards", u.Clock, u.Window)
	case u.Budget.Period.Kind == Total:
		return "raise the budget, or choose fewer shards"
	case u.Budget.Period.Kind == Rolling:
		return fmt.Sprintf("raise the budget, wait until enough of it was spent more than %s ago, or choose fewer shards", lengthName(u.Budget.Period.Last))
	}
	return "raise the budget, wait for the next window, or choose fewer shards"
}

// quoted is a name as a shell takes it for one word.
func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:@/-", r)
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// Approve is the command that lets it: for its job if it has one, else for the budget.
func (e *OverBudget) Approve() string {
	var b strings.Builder
	b.WriteString("datagravity budget approve ")
	if job := e.Subject.Job; job != "" {
		b.WriteString("--job " + job)
	} else {
		b.WriteString("--budget " + quoted(e.Use.Budget.Name))
	}
	if e.MoreNanoUSD > 0 {
		const cent = USD / 100
		up := min(e.MoreNanoUSD, MaxNanoUSD-cent) + cent - 1
		b.WriteString(" --extra " + (up - up%cent).Decimal())
	}
	if e.MoreBytes > 0 {
		fmt.Fprintf(&b, " --extra-bytes %d", e.MoreBytes)
	}
	b.WriteString(" --reason TEXT --expires 24h")
	return b.String()
}
