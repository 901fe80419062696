package dashboard

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

//go:embed templates
var templateFiles embed.FS

// policy is what a page may do: use what this host serves, and nothing else. There is nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var (
	errNoPage  = errors.New("there is no such page")
	errNotHere = errors.New("not found")
	errAsked   = errors.New("the question cannot be answered")
)

// page is what the layout shows, with a body that is the template's own.
type page struct {
	Title string
	// At is the part that it belongs to, for the navigation.
	At   string
	Body any
	// Chart tells that it has one that can be read off.
	Chart bool
	// Still pages do not change while they are looked at.
	Still bool

	template string
	// What follows is filled in for all pages.
	Now     time.Time
	Self    string
	Agent   observe.Agent
	Nav     []nav
	Verdict verdict
	Visitor Visitor
	Said    string
	Unread  string
}

// nav is a way to another page.
type nav struct {
	Href, Label, Icon string
	// Count is what waits there to be seen, Level how bad it is.
	Count, Level, Means string
	Here                bool
}

// templates by the names of their files.
var templates = sync.OnceValue(func() map[string]*template.Template {
	// What follows from the time is in the functions' arguments, so that a template can be executed by many.
	base := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"overview", "data", "jobs", "job", "transfers", "budgets", "budget", "spend", "problems", "confirm", "error", "login"} {
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return all
})

var functions = template.FuncMap{
	"size": size, "rate": rate, "count": func(n any) string {
		switch n := n.(type) {
		case int:
			return count(n)
		case int64:
			return count(n)
		}
		return fmt.Sprint(n)
	},
	"usd": usd, "dollars": dollars, "span": span, "clip": clip, "visible": visible, "moment": moment, "past": past, "ago": ago, "asset": assetURL,
	"plural": func(n any, one string) string {
		if i, ok := n.(int64); ok {
			return plural(i, one)
		}
		return plural(n.(int), one)
	},
	"at":    func(t time.Time) *time.Time { return &t },
	"share": func(part, whole int64) string { return percent(share(part, whole)) }, "shareText": shareText,
	"seg":    url.PathEscape,
	"link":   linkOfLine,
	"digest": func(s string) string { return short(s, len("blake3:")+12) },
	"state":  func(s dispatch.State) string { return stateWords[s] },
	"dict": func(pairs ...any) (map[string]any, error) {
		m := map[string]any{}
		if len(pairs)%2 != 0 {
			return nil, errors.New("dict wants pairs")
		}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m, nil
	},
	"left": func(n *cost.NanoUSD) bool { return n != nil },
	"deref": func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	},
}

// page makes a handler of what builds a page. For htmx, which asks again and again, the frame alone is written.
func (d *dashboard) page(build func(*http.Request, *look) (*page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l := d.look(r.Context())
		p, err := build(r, l)
		status := http.StatusOK
		if err != nil {
			p, status = d.failed(r, err)
		}
		d.fill(p, r, l)
		d.write(w, r, p, status)
	}
}

// failure is what went wrong with a page, and what can be done.
type failure struct{ Status, What, Do string }

func (d *dashboard) failed(r *http.Request, err error) (*page, int) {
	status, f := http.StatusInternalServerError, failure{What: err.Error(), Do: "Try again. If it stays so, the log has more: journalctl -u datagravity -e"}
	title := "This page cannot be shown"
	switch {
	case errors.Is(err, errNoPage), errors.Is(err, errNotHere), errors.Is(err, dispatch.ErrNoJob), errors.Is(err, cost.ErrNoBudget):
		status, title, f.Do = http.StatusNotFound, "Not here", "It may have ended, or have been taken back. The lists show what there is."
	case errors.Is(err, errAsked):
		status, title, f.Do = http.StatusBadRequest, "Not understood", "Go back, and correct what the line above names."
	case errors.Is(err, errMay):
		status, title, f.Do = http.StatusForbidden, "Not yours to do", "Ask somebody with the scope for it, or sign in with another token."
	default:
		d.Log.Error("a page of the dashboard cannot be shown", "page", visible(r.URL.Path), "error", err)
	}
	f.Status = strconv.Itoa(status)
	return &page{Title: title, template: "error", Body: f, Still: true}, status
}

func (d *dashboard) fill(p *page, r *http.Request, l *look) {
	p.Now, p.Agent, p.Self = l.At, l.Agent, r.URL.RequestURI()
	p.Visitor = d.visitor(r)
	p.Verdict = verdictOf(l)
	p.Nav = navigation(p.At, l)
	p.Said = said[r.URL.Query().Get("said")]
	if l.err != nil {
		p.Unread = l.err.Error()
	}
}

// write a page as one piece: one that cannot be made whole is none.
func (d *dashboard) write(w http.ResponseWriter, r *http.Request, p *page, status int) {
	name := "layout"
	if r.Header.Get("Hx-Request") == "true" {
		name = "frame"
	}
	if p.template == "" {
		p.template = p.At
	}
	var b bytes.Buffer
	if err := templates()[p.template].ExecuteTemplate(&b, name, p); err != nil {
		d.Log.Error("a page of the dashboard cannot be written", "page", visible(r.URL.Path), "error", err)
		http.Error(w, "This page cannot be shown: the log has more.", http.StatusInternalServerError)
		return
	}
	send(w, r, b.Bytes(), status, name == "frame")
}

func send(w http.ResponseWriter, r *http.Request, b []byte, status int, frame bool) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it a browser hides from us where a POST comes from.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding, HX-Request")
	if frame {
		h.Set("X-Datagravity-Frame", "1")
	}
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		b = zipped(b, gzip.BestSpeed)
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // who asked may have gone
}

// linkTo is a page with a query, whose empty values are left out.
func linkTo(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// pager is a part of a list, and the ways to the others.
type pager struct {
	From, To, All  int
	Previous, Next string
	What           string
}

// paged is the part of a list that a query asks for, of so many a part.
func paged[T any](r *http.Request, list []T, size int, what string) ([]T, pager) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("page"))
	last := max(1, (len(list)+size-1)/size)
	if err != nil || n < 1 {
		n = 1
	}
	n = min(n, last)
	from, to := (n-1)*size, min(len(list), n*size)
	p := pager{From: min(from+1, len(list)), To: to, All: len(list), What: what}
	link := func(n int) string {
		q.Del("said")
		if q.Set("page", strconv.Itoa(n)); n == 1 {
			q.Del("page")
		}
		return r.URL.Path + "?" + q.Encode()
	}
	if n > 1 {
		p.Previous = link(n - 1)
	}
	if n < last {
		p.Next = link(n + 1)
	}
	return list[from:to], p
}

const mostQuery = 200

// asked is a value of the query, cut to what anybody types.
func asked(r *http.Request, name string) string {
	s := strings.TrimSpace(r.URL.Query().Get(name))
	if len(s) > mostQuery {
		s = s[:mostQuery]
	}
	return s
}
