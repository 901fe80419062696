package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/units"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
)

// Actions are what can be changed from the dashboard, by the same hand that does what is asked for over the API: an [operate.Operator].
type Actions interface {
	// SetPause stops new reservations on a link, SOURCE->DESTINATION, or lets it go on. "*" is every link.
	SetPause(ctx context.Context, link string, paused bool) ([]cost.Pause, error)
	// Approve lets more be spent, once.
	Approve(ctx context.Context, q operate.ApproveRequest) (observe.Approval, error)
}

var _ Actions = operate.Operator(nil)

// Visitor is who looks at a page, and what they may do.
type Visitor struct {
	// Name stands in the records of what they do.
	Name           string
	Pause, Approve bool
}

// errMay: the visitor may not do that.
var errMay = errors.New("this may not be done from here")

// said are the words after something was done.
var said = map[string]string{
	"paused":   "Paused. Parts in flight end; nothing new is begun.",
	"resumed":  "Resumed. The next pass goes on with it.",
	"approved": "Approved, and written to the journal.",
}

func (d *dashboard) visitor(r *http.Request) Visitor {
	if d.Actions == nil {
		return Visitor{}
	}
	return d.Visitor(r)
}

// confirmation says what an action will do, before it is done.
type confirmation struct {
	Action, Link string
	Heading      string
	Says         []string
	Button       string
	// Of an approval.
	Budget, Job, USD, Size string
	Expires                []choice
	Back                   string
}

type choice struct{ Value, Label string }

// lasting are how long an approval can be given for.
var lasting = []choice{{"24h", "1 day"}, {"72h", "3 days"}, {"168h", "7 days"}, {"720h", "30 days"}}

func (d *dashboard) confirm(r *http.Request, l *look) (*page, error) {
	c, err := d.confirmation(r.PathValue("action"), r.URL.Query(), d.visitor(r), l)
	if err != nil {
		return nil, err
	}
	return &page{Title: c.Heading, At: "transfers", template: "confirm", Body: c, Still: true}, nil
}

func (d *dashboard) confirmation(action string, q url.Values, v Visitor, l *look) (c confirmation, err error) {
	c.Action = action
	switch action {
	case "pause", "resume":
		if c.Link = q.Get("link"); !slices.Contains(d.pausable(l), c.Link) {
			return c, fmt.Errorf("%w: no link %q", errNotHere, clip(c.Link))
		}
		if !v.Pause {
			return c, fmt.Errorf("%w: pausing and resuming links", errMay)
		}
		name := arrow(c.Link)
		c.Back = "/transfers"
		if action == "pause" {
			c.Heading, c.Button = "Pause "+name+"?", "Pause "+name
			c.Says = []string{
				"Parts in flight end and are kept; nothing new is reserved, read or paid for on it. The pause holds across restarts, until somebody resumes it.",
				promised(l, c.Link),
			}
		} else {
			c.Heading, c.Button = "Resume "+name+"?", "Resume "+name
			c.Says = []string{"What waits for it goes on with the next pass, and money is spent again, within the budgets."}
		}
	case "approve":
		if !v.Approve {
			return c, fmt.Errorf("%w: approving what a budget asks for", errMay)
		}
		c.Budget, c.Job, c.USD, c.Size, c.Expires = q.Get("budget"), q.Get("job"), q.Get("usd"), q.Get("bytes"), lasting
		if !slices.ContainsFunc(l.Budgets, func(b observe.Budget) bool { return b.Name == c.Budget }) {
			return c, fmt.Errorf("%w: no budget %q", errNotHere, clip(c.Budget))
		}
		c.Back = "/budgets/" + url.PathEscape(c.Budget)
		c.Heading, c.Button = "Let budget "+clip(c.Budget)+" give more", "Approve"
		if c.Job != "" {
			c.Heading = "Let job " + clip(c.Job) + " have more"
			c.Back = "/jobs/" + url.PathEscape(c.Job)
			c.Says = append(c.Says, "It counts for this job in every budget that counts the job, once, and nothing of it is left over for others.")
		} else {
			c.Says = append(c.Says, "It is added to the limit once, for whatever the budget counts, until it expires or is spent.")
		}
	default:
		return c, errNoPage
	}
	return c, nil
}

// promised says who waits for a link.
func promised(l *look, link string) string {
	_, to, _ := strings.Cut(link, "->")
	n := 0
	for _, j := range l.Jobs {
		for _, p := range j.Places {
			if p.Destination == to && p.State != "ready" {
				n++
			}
		}
	}
	if n == 0 {
		return "No job waits for anything there now."
	}
	return plural(n, "job") + " at " + clip(to) + " will not get on meanwhile, and may become late."
}

// maxForm is more than any form here has.
const maxForm = 64 << 10

// act does what a form asks for, and shows the page that it was about.
func (d *dashboard) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	l := d.look(r.Context())
	next, err := d.done(r, l)
	if err != nil {
		d.page(func(*http.Request, *look) (*page, error) { return nil, err })(w, r)
		return
	}
	d.forget()
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (d *dashboard) done(r *http.Request, l *look) (next string, err error) {
	if d.Actions == nil {
		return "", errMay
	}
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("%w: %w", errAsked, err)
	}
	v := d.visitor(r)
	c, err := d.confirmation(r.PathValue("action"), r.PostForm, v, l)
	if err != nil {
		return "", err
	}
	switch c.Action {
	case "pause", "resume":
		paused := c.Action == "pause"
		d.Log.Info("a link is "+c.Action+"d from the dashboard", "link", c.Link, "by", v.Name)
		_, err := d.Actions.SetPause(r.Context(), c.Link, paused)
		return linkTo(c.Back, "said", c.Action+"d"), refused(err)
	}
	n, err := approvalOf(r.PostForm, c, v, d.Now())
	if err != nil {
		return "", err
	}
	d.Log.Info("more is approved from the dashboard", "budget", n.Budget, "job", n.Job, "usd", n.ExtraUSD, "bytes", n.ExtraBytes, "by", v.Name)
	_, err = d.Actions.Approve(r.Context(), n)
	return linkTo(c.Back, "said", "approved"), refused(err)
}

// refused tells who asked for what nobody can do from what went wrong here.
func refused(err error) error {
	if errors.Is(err, operate.ErrMistake) {
		return fmt.Errorf("%w: %w", errAsked, err)
	}
	return err
}

// approvalOf reads the form of an approval. Error: errAsked, with the field.
func approvalOf(f url.Values, c confirmation, v Visitor, now time.Time) (n operate.ApproveRequest, err error) {
	n = operate.ApproveRequest{Budget: c.Budget, Job: c.Job, Reason: strings.TrimSpace(f.Get("reason")), By: v.Name}
	if n.Job != "" {
		n.Budget = ""
	}
	if s := strings.TrimPrefix(strings.TrimSpace(f.Get("usd")), "$"); s != "" {
		if n.ExtraUSD, err = cost.ParseUSD(s); err != nil {
			return n, fmt.Errorf("%w: dollars: %w", errAsked, err)
		}
	}
	if s := strings.TrimSpace(f.Get("bytes")); s != "" {
		if n.ExtraBytes, err = units.ParseSize(s); err != nil {
			return n, fmt.Errorf("%w: bytes: %w", errAsked, err)
		}
	}
	if !slices.ContainsFunc(lasting, func(c choice) bool { return c.Value == f.Get("expires") }) {
		return n, fmt.Errorf("%w: expires %q: want one of the list", errAsked, clip(f.Get("expires")))
	}
	long, err := time.ParseDuration(f.Get("expires"))
	if err != nil {
		return n, fmt.Errorf("%w: expires: %w", errAsked, err)
	}
	if len(n.Reason) > 500 {
		return n, fmt.Errorf("%w: reason: want at most 500 characters", errAsked)
	}
	n.Expires = now.Add(long)
	return n, nil
}
