package config

import (
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/internal/yamldoc"
)

// headerPattern is a token of RFC 9110, section 5.6.2.
var headerPattern = lazyre.New("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")

// NotifyEvents are what one can be told of.
var NotifyEvents = []string{
	"job.ready", "job.late", "job.on_time", "job.held", "job.blocked", "budget.threshold", "budget.ask", "budget.doubt", "integrity.failure",
	"daemon.unhealthy", "daemon.healthy",
}

// notifyGroups stand for all events of a kind.
var notifyGroups = []string{"job.*", "budget.*", "daemon.*"}

const (
	defaultWebhookTimeout = Duration(10 * time.Second)
	defaultCommandTimeout = Duration(30 * time.Second)
	mostWebhookTimeout    = Duration(time.Minute)
	mostCommandTimeout    = Duration(10 * time.Minute)
	// mostTargets and mostHeaders are more than anybody has.
	mostTargets = 50
	mostHeaders = 20
)

// ownHeaders are those that a request has anyway, or that say who it is from.
var ownHeaders = []string{"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

func (d *document) fillInNotify(c *Config, dir string) {
	for i := range c.Notify {
		n, f := &c.Notify[i], field{"notify"}.Index(i)
		if w := n.Webhook; w != nil {
			at := f.Child("webhook")
			fill(d, at.Child("timeout"), &w.Timeout, defaultWebhookTimeout)
			d.absolute(at.Child("secret").Child("file"), &w.Secret.File, dir)
			if w.URLFrom != nil {
				d.absolute(at.Child("url_from").Child("file"), &w.URLFrom.File, dir)
			}
			d.fillInHeaders(at.Child("headers"), w.Headers, dir)
		}
		if r := n.Command; r != nil {
			at := f.Child("command")
			fill(d, at.Child("timeout"), &r.Timeout, defaultCommandTimeout)
			if len(r.Run) > 0 && strings.ContainsAny(r.Run[0], "/~") { // a name alone is looked for in $PATH
				d.absolute(at.Child("run").Index(0), &r.Run[0], dir)
			}
		}
	}
	d.fillInHeaders(field{"tracing", "headers"}, c.Tracing.Headers, dir)
}

func (d *document) fillInHeaders(f field, headers map[string]Secret, dir string) {
	for _, name := range names(headers) {
		s := headers[name]
		d.absolute(f.Child(name).Child("file"), &s.File, dir)
		headers[name] = s
	}
}

func (d *document) checkNotify(c *Config) {
	seen := map[string]bool{}
	if len(c.Notify) > mostTargets {
		d.Wrong(field{"notify"}, "has %d entries: want at most %d", len(c.Notify), mostTargets)
	}
	for i := range c.Notify {
		n, f := c.Notify[i], field{"notify"}.Index(i)
		if d.IsSet(f.Child("name")) {
			d.checkName("target of notifications", f.Child("name"), n.Name)
			if seen[n.Name] {
				d.Wrong(f.Child("name"), "%q names an earlier target too; each needs a name of its own", n.Name)
			}
			seen[n.Name] = true
		}
		for j, e := range n.Events {
			if known := slices.Concat(NotifyEvents, notifyGroups); !slices.Contains(known, e) {
				d.Wrong(f.Child("events").Index(j), "unknown event %q%s (known: %s)", e, yamldoc.DidYouMean(e, known), strings.Join(known, ", "))
			}
		}
		if d.IsSet(f.Child("events")) && len(n.Events) == 0 {
			d.Wrong(f.Child("events"), "is empty; leave it out to be told of everything, or take the target out")
		}
		switch {
		case n.Webhook == nil && n.Command == nil:
			d.Fail(f, "says neither webhook nor command; one of them is how it is told")
		case n.Webhook != nil && n.Command != nil:
			d.Fail(f, "says both webhook and command; make them two targets")
		case n.Webhook != nil:
			d.checkWebhook(f.Child("webhook"), *n.Webhook, c.Agent.AllowInsecure)
		default:
			d.checkNotifyCommand(f.Child("command"), *n.Command)
		}
	}
}

func (d *document) checkWebhook(f field, w Webhook, insecure bool) {
	switch {
	case w.URL != "" && w.URLFrom != nil:
		d.Fail(f, "says both url and url_from; one of them is enough")
	case w.URLFrom != nil:
		d.checkSecret(f.Child("url_from"), *w.URLFrom)
	case w.URL == "":
		d.Fail(f, "says neither url nor url_from")
	default:
		if why := CheckWebhookURL(w.URL, insecure); why != "" {
			d.Wrong(f.Child("url"), "%s", why)
		}
	}
	if d.IsSet(f.Child("secret")) {
		d.checkSecret(f.Child("secret"), w.Secret)
	}
	d.checkHeaders(f.Child("headers"), w.Headers)
	d.checkBetween(f.Child("timeout"), w.Timeout, Duration(time.Second), mostWebhookTimeout)
}

// CheckWebhookURL says why events cannot be posted to a URL; "": they can. It never repeats what may be a secret in it.
func CheckWebhookURL(raw string, insecure bool) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is no URL that can be posted to; write https://HOST/PATH"
	case u.User != nil:
		return "tells who you are in it (USER@ before the host), and this file holds no secrets; use headers"
	case u.Fragment != "":
		return "has a fragment (#), which is never sent; take it out"
	case u.Scheme == "http" && !insecure && !Loopback(u.Hostname()):
		return "is plain http: others on the way could read and change what is sent; use https, or agent.allow_insecure"
	}
	return ""
}

// Loopback tells whether a host is this machine, by its name or address alone.
func Loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func (d *document) checkNotifyCommand(f field, c NotifyCommand) {
	if d.IsSet(f.Child("run")) && (len(c.Run) == 0 || c.Run[0] == "") {
		d.Wrong(f.Child("run"), "names no program; write a list: [/usr/local/bin/page, --queue, data]")
	}
	for i, arg := range c.Run {
		if strings.Contains(arg, "\x00") {
			d.Wrong(f.Child("run").Index(i), "has a NUL in it, which no argument can have")
		}
	}
	d.checkBetween(f.Child("timeout"), c.Timeout, Duration(time.Second), mostCommandTimeout)
}

func (d *document) checkHeaders(f field, headers map[string]Secret) {
	if len(headers) > mostHeaders {
		d.Wrong(f, "has %d headers: want at most %d", len(headers), mostHeaders)
	}
	for _, name := range names(headers) {
		at := f.Child(name)
		switch {
		case !headerPattern.MatchString(name):
			d.Fail(at, "%q cannot be the name of a header", name)
		case slices.Contains(ownHeaders, textproto.CanonicalMIMEHeaderKey(name)):
			d.Fail(at, "is a header that every request has of its own; take it out")
		default:
			d.checkSecret(at, headers[name])
		}
	}
}

func (d *document) checkSecret(f field, s Secret) {
	given := 0
	for name, v := range map[string]string{"env": s.Env, "file": s.File, "credential": s.Credential} {
		if v != "" {
			given++
		} else if d.IsSet(f.Child(name)) {
			d.Wrong(f.Child(name), "is empty")
			return
		}
	}
	if given != 1 {
		d.Fail(f, "says where a secret is found, and needs one of env, file and credential for that")
	}
	if s.Env != "" && strings.ContainsAny(s.Env, "=\x00 ") {
		d.Wrong(f.Child("env"), "cannot be the name of a variable")
	}
	if strings.ContainsAny(s.Credential, "/\x00") || s.Credential == "." || s.Credential == ".." {
		d.Wrong(f.Child("credential"), "is the name of a credential, not a path; file takes a path")
	}
}

func (d *document) checkTracing(c *Config) {
	f, t := field{"tracing"}, c.Tracing
	at := f.Child("endpoint")
	switch u, err := url.Parse(t.Endpoint); {
	case t.Endpoint == "" && d.IsSet(at):
		d.Wrong(at, "is empty; write the URL of a collector, for example http://localhost:4318, or leave it out")
	case t.Endpoint == "":
		for _, name := range []string{"sample", "headers"} {
			if d.IsSet(f.Child(name)) {
				d.Wrong(f.Child(name), "is for the collector at tracing.endpoint, which is not set; the variables of OpenTelemetry have their own")
			}
		}
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		d.Wrong(at, "is no URL of a collector; write https://HOST:4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		d.Wrong(at, "has a user, a query or a fragment; write the URL alone, and use headers for what the collector asks for")
	case u.Scheme == "http" && len(t.Headers) > 0 && !c.Agent.AllowInsecure && !Loopback(hostOf(u)):
		d.Wrong(at, "is plain http, and others on the way could read the headers; use https, or agent.allow_insecure")
	}
	d.checkHeaders(f.Child("headers"), t.Headers)
}

func hostOf(u *url.URL) string {
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		return host
	}
	return u.Hostname()
}

// checkPprof wants a socket of its own.
func (d *document) checkPprof(f field, a Agent) {
	switch {
	case !d.IsSet(f):
	case a.Pprof == "":
		d.Wrong(f, "is empty; write a path, for example /run/datagravity/pprof.sock, or leave it out")
	case len(a.Pprof) > mostSocketLen:
		d.Wrong(f, "%q has %d bytes: want at most %d, because the system's addresses of sockets hold no more; choose a shorter folder", a.Pprof, len(a.Pprof), mostSocketLen)
	case a.Pprof == a.Socket:
		d.Wrong(f, "is the socket that the daemon answers on; give profiles one of their own")
	}
}
