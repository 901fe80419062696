package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// requireChromium makes a machine without Chromium a failure; .ci/run sets it, since there it was installed.
const requireChromium = "DATAGRAVITY_REQUIRE_CHROMIUM"

// browser is a Chromium with one tab, and what it complained of.
type browser struct {
	t   *testing.T
	ctx context.Context
	at  string // the address of the dashboard

	mu         sync.Mutex
	complaints []string
	bytes      float64        // that came over the network
	requests   map[string]int // of a URL
	foreign    []string       // requests to other hosts
}

// newBrowser starts one, or skips where there is none.
func newBrowser(t *testing.T, address string) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv(requireChromium) != "" {
			t.Fatal("no Chromium in the PATH, and " + requireChromium + " is set: apt-get install chromium")
		}
		t.Skip("no Chromium in the PATH: apt-get install chromium")
	}
	profile, err := os.MkdirTemp("", "datagravity-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	allocated, end := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, at: address, requests: map[string]int{}}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, cdpruntime.Enable, cdp.Empty{})
	call(b, cdppage.Enable, cdppage.EnableParams{})
	return b
}

// call has the browser carry out a command of its protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("the browser: %s: %v", command.Method, err)
	}
	return r
}

// hear what the browser tells by itself.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded: // violations of the policy and answers that failed are here
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == cdpruntime.ConsoleAPICalledTypeError || e.Type == cdpruntime.ConsoleAPICalledTypeWarning {
			args, _ := json.Marshal(e.Args) // what came as JSON can be written as it
			b.complaints = append(b.complaints, "console: "+string(args))
		}
	case *cdpruntime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	case *network.EventRequestWillBeSent:
		b.requests[e.Request.URL]++
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && "http://"+u.Host != b.at {
			b.foreign = append(b.foreign, e.Request.URL)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
}

// open a page, and wait until all of it is there.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.at+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// dress has pages seen in a colour scheme and at a width.
func (b *browser) dress(scheme string, width, height int64, scale float64) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale, Mobile: width < 600})
}

// value of an expression in the page.
func value[V any](b *browser, expression string) (v V) {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[V](expression))
	if err != nil {
		b.t.Fatalf("the browser: %s: %v", expression, err)
	}
	return v
}

// wait until an expression is true.
func (b *browser) wait(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err != nil {
			b.t.Fatalf("waiting for %s: %v\n%s", what, err, value[string](b, "document.body.innerText"))
		}
		if ok {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// silent checks that the browser had nothing to complain of.
func (b *browser) silent(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("%s: %s", where, c)
	}
	for _, u := range b.foreign {
		b.t.Errorf("%s: asks another host: %s", where, u)
	}
	b.complaints, b.foreign = nil, nil
}

// finding of axe-core.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML    string
		Target  []any
		Summary string `json:"failureSummary"`
	}
}

// axe makes what has the page that is open looked at for what keeps people with other eyes and hands out, in a world of its own, which the page's policy
// does not bind.
func (b *browser) axe(script string) func() (passed int, found []finding) {
	b.t.Helper()
	tree := call(b, cdppage.GetFrameTree, cdp.Empty{})
	world := call(b, cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
	yes := true
	run := func(expression string) string {
		out := call(b, cdpruntime.Evaluate, cdpruntime.EvaluateParams{Expression: expression, ContextID: world.ExecutionContextID, AwaitPromise: &yes, ReturnByValue: &yes})
		if out.ExceptionDetails != nil {
			b.t.Fatalf("axe: %+v", out.ExceptionDetails)
		}
		var text string
		if err := json.Unmarshal(out.Result.Value, &text); err != nil {
			b.t.Fatalf("axe: %v: %s", err, out.Result.Value)
		}
		return text
	}
	run(script + "; axe.version")
	return func() (int, []finding) {
		var report struct {
			Passes     int
			Violations []finding
		}
		text := run(`axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify({passes: r.passes.length, violations: r.violations}))`)
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			b.t.Fatal(err)
		}
		return report.Passes, report.Violations
	}
}

func axeScript(t *testing.T) string {
	t.Helper()
	if err := emulator.Ensure(t.Context(), emulator.ToolAxe); err != nil {
		t.Fatal(err)
	}
	path, err := emulator.ToolAxe.Path()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// moving is a lab on the day that its calendar leads to: a fortnight of nights behind it, jobs in every state before it, and data on its way.
func moving(t *testing.T) *lab {
	t.Helper()
	// Late in a month and in the afternoon, whatever the day is on which the test runs.
	day := time.Date(2026, 11, 26, 14, 3, 0, 0, time.UTC)
	l := newLab(t, day.AddDate(0, 0, -14))
	l.put("c4-en", 0, 6, 1<<20)
	l.put("imagenet-val", 0, 6, 3<<19)
	for night := range 13 {
		l.until(day.AddDate(0, 0, night-13).Add(-11 * time.Hour))
		if night%7 != 5 {
			l.put("c4-en", 6+night, 1+night%3, 1<<20)
			l.sync("c4-en", "aws-east")
		}
		if night == 4 {
			l.sync("imagenet-val", "lab-nfs")
		}
	}
	l.until(day.Add(-40 * time.Minute))
	l.put("c4-en", 40, 20, 12<<20)
	l.index("c4-en")
	l.until(day)
	l.reader.Agent.Since = day.Add(-73 * time.Hour)
	l.put("librispeech", 0, 10, 2<<20)
	l.add("vit-l-eval", "imagenet-val", "lab-nfs", 35*time.Minute)
	l.add("llama-7b-warmup", "c4-en", "aws-east", 12*time.Minute, func(j *spec.Job) { j.Priority = 5 })
	l.add("llama-7b-sweep", "c4-en", "aws-east", 50*time.Minute)
	l.add("vit-l-pretrain", "imagenet-val", "aws-east", 20*time.Second)
	l.add("whisper-ft", "librispeech", "aws-east", 25*time.Minute)
	l.add("whisper-eval", "librispeech", "lab-nfs", 2*time.Hour, func(j *spec.Job) { j.Shards = []string{"train-0000[0-1].tar"} })
	l.pace("8Mbit/s")
	l.loop()
	return l
}

// pages that are looked at, each with something of it that must be there.
var pages = []struct{ path, has string }{
	{"/", "Needs you"},
	{"/jobs", "llama-7b-warmup"},
	{"/jobs?q=nobody", "No job matches"},
	{"/jobs/llama-7b-warmup", "Shards that are missing"},
	{"/jobs/vit-l-eval?show=all", "train-00000.tar"},
	{"/data", "imagenet-val"},
	{"/data?dataset=c4-en", "In detail"},
	{"/transfers", "Shards on the way"},
	{"/budgets", "aws-egress"},
	{"/budgets/aws-egress", "Pace"},
	{"/spend", "By team"},
	{"/spend?by=job", "By job"},
	{"/problems", "Problems"},
	{"/actions/pause?link=lake-%3Eaws-east", "Parts in flight end"},
	{"/actions/approve?budget=speech-team&usd=0.5", "Reason"},
	{"/nowhere", "Not here"},
	{"/login", "Token"},
}

// raced tells that the race detector is in this program. What pages look like does not depend on it, and takes minutes to look at.
var raced bool

// A real browser shows what a real sync does, while it does it, within what the policy lets it, in time, and to everybody.
func TestBrowser(t *testing.T) {
	l := moving(t)
	m := http.NewServeMux()
	m.Handle("/", New(Options{Reader: l.reader, Actions: hands(l.reader, l.ledger), Log: l.log}))
	m.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { Login(w, r, "") })
	b := newBrowser(t, serve(t, m))
	b.dress("light", 1280, 900, 1)

	b.open("/")
	b.wait("something that moves", `/[1-9].*iB\/s/.test(document.getElementById("speed")?.textContent)`)
	t.Run("first paint", func(t *testing.T) { firstPaint(t, b) })
	t.Run("follows", func(t *testing.T) { follows(t, b) })
	if os.Getenv("SCREENSHOTS") != "" {
		t.Run("screenshots", func(t *testing.T) { screenshots(t, b, l, os.Getenv("SCREENSHOTS")) })
	}
	if !raced {
		t.Run("accessible", func(t *testing.T) { accessible(t, b) })
	}
	t.Run("long names", func(t *testing.T) { fits(t, b) })
	t.Run("acts", func(t *testing.T) { acts(t, b, l) })
	t.Run("lost", func(t *testing.T) { loses(t, b, l) })
}

const (
	mostFirstBytes = 300 << 10
)

// firstPaint loads the first page with nothing kept, several times: what counts is what the pages can do, not what else the machine does.
func firstPaint(t *testing.T, b *browser) {
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	defer call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{})
	best := math.Inf(1) // shown, and not judged: it says how busy the machine is
	for range 5 {
		b.mu.Lock()
		b.bytes = 0
		b.mu.Unlock()
		b.open("/")
		b.wait("the paint", `performance.getEntriesByName("first-contentful-paint").length > 0 && document.fonts.status === "loaded"`)
		best = min(best, value[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
		b.mu.Lock()
		got := b.bytes
		b.mu.Unlock()
		if got > mostFirstBytes || got < 10<<10 {
			t.Errorf("the first page took %.0f bytes over the network, want at most %d", got, mostFirstBytes)
		}
		t.Logf("first contentful paint after %.0f ms, %.1f KiB over the network", best, got/1024)
	}
	b.silent("/")
}

// follows: what moves is seen to move, what somebody does on a page stays, and it can be stopped.
func follows(t *testing.T, b *browser) {
	b.open("/transfers")
	asOf := `document.querySelector(".asof time").dateTime`
	moved := `document.querySelector("section[aria-labelledby=h-links] td[data-label='Since the start']").textContent`
	first, bytes := value[string](b, asOf), value[string](b, moved)
	b.wait("the chart", `document.querySelectorAll(".chart .u-over").length === 1 && document.querySelector(".chart canvas").width > 300`)
	b.do(chromedp.Focus(chromedp.CSS("#q")), chromedp.SendKeys(chromedp.CSS("#q"), "train"))
	b.wait("a newer page", fmt.Sprintf("%s !== %q", asOf, first))
	b.wait("more that moved", fmt.Sprintf("%s !== %q", moved, bytes))
	if got := value[string](b, `document.activeElement.id + " " + document.activeElement.value`); got != "q train" {
		t.Errorf("after an update the focus and what was typed is %q", got)
	}
	if n := value[int](b, `document.querySelectorAll(".chart .u-over").length`); n != 1 {
		t.Errorf("%d charts after an update", n)
	}
	b.wait("the chart to go on", `JSON.parse(document.querySelector("figure").dataset.json).x.length > 2`)

	b.do(chromedp.Click(chromedp.CSS("#follow")))
	if got := value[string](b, `document.getElementById("follow").getAttribute("aria-pressed")`); got != "false" {
		t.Errorf("stopped, aria-pressed is %q", got)
	}
	// One that was asked for before may still arrive.
	time.Sleep(time.Second)
	stopped := value[string](b, asOf)
	time.Sleep(5 * time.Second)
	if got := value[string](b, asOf); got != stopped {
		t.Errorf("stopped, it went on from %s to %s", stopped, got)
	}
	b.do(chromedp.Click(chromedp.CSS("#follow")))
	b.wait("it to go on", fmt.Sprintf("%s !== %q", asOf, stopped))
	b.silent("/transfers")

	// Whoever has no JavaScript reads the same.
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	defer call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	b.do(chromedp.Navigate(b.at + "/transfers"))
	html, err := chromedp.Run(b.ctx, chromedp.OuterHTML(chromedp.CSS("html")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"lake → aws-east", `<path class="stroke l0"`, "Refresh"} {
		if !strings.Contains(html, want) {
			t.Errorf("without JavaScript there is no %q", want)
		}
	}
	b.silent("without JavaScript")
}

// accessible has axe look at every page, in both colour schemes and both widths.
func accessible(t *testing.T, b *browser) {
	script := axeScript(t)
	b.open("/")
	value[bool](b, `document.querySelector("h1").insertAdjacentHTML("afterend", '<img src="/favicon"><input>') === undefined`)
	if _, found := b.axe(script)(); len(serious(found)) < 2 {
		t.Fatalf("axe finds %d faults on a page that has two", len(serious(found)))
	}
	b.mu.Lock()
	b.complaints = nil // the picture is not there
	b.mu.Unlock()
	for _, p := range pages {
		b.dress("light", 1280, 800, 1)
		b.open(p.path)
		look := b.axe(script)
		// innerText: what stands in a title stands in nothing that is seen.
		if text := value[string](b, `document.body.innerText`); !strings.Contains(text, p.has) {
			t.Errorf("%s: no %q in\n%s", p.path, p.has, text)
		}
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 360} {
				where := fmt.Sprintf("%s, %s, %d wide", p.path, scheme, width)
				b.dress(scheme, width, 800, 1)
				if n := value[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); n > 0 {
					t.Errorf("%s: %d pixels wider than the screen: %s", where, n, value[string](b, wider))
				}
				passed, found := look()
				if passed < 10 {
					t.Errorf("%s: axe passed %d rules", where, passed)
				}
				for _, f := range serious(found) {
					for _, n := range f.Nodes {
						t.Errorf("%s: %s (%s): %s\n%s\n%s", where, f.ID, f.Impact, f.Help, n.HTML, n.Summary)
					}
				}
			}
		}
		if p.path == "/nowhere" {
			b.forgive("404")
		}
		b.silent(p.path)
	}
	b.dress("light", 1280, 900, 1)
}

// fits: names of 4 KiB, and such that are markup, make no page wider than a phone, and run nothing.
func fits(t *testing.T, b *browser) {
	was := b.at
	defer func() { b.at = was }()
	b.dress("light", 360, 800, 1)
	defer b.dress("light", 1280, 900, 1)
	for _, name := range []string{long, hostile} {
		s, pages := called(t, name)
		b.at = serve(t, New(s.o))
		for _, path := range pages {
			b.open(path)
			if n := value[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); n > 0 {
				t.Errorf("%.60s: %d pixels wider than the screen: %s", path, n, value[string](b, wider))
			}
			if value[int](b, `document.images.length + document.querySelectorAll("script:not([src])").length`) > 0 {
				t.Errorf("%.60s: a name has become an element", path)
			}
			b.silent(fmt.Sprintf("%.60s", path))
		}
	}
}

// wider names what reaches beyond the right edge.
const wider = `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > screen.width + 1 && !e.closest(".scroll, .rail nav")).slice(0, 5).map((e) => e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.textContent.slice(0, 40)).join("; ")`

func serious(all []finding) (list []finding) {
	for _, f := range all {
		if f.Impact == "serious" || f.Impact == "critical" {
			list = append(list, f)
		}
	}
	return list
}

// forgive complaints that are meant to be.
func (b *browser) forgive(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.complaints[:0]
	for _, c := range b.complaints {
		if !strings.Contains(c, text) {
			kept = append(kept, c)
		}
	}
	b.complaints = kept
}

// acts: a pause, its end and an approval, by keyboard and form, and they are so.
func acts(t *testing.T, b *browser, l *lab) {
	b.open("/transfers")
	b.do(chromedp.Click(chromedp.CSS(`a[href*="/actions/pause?link=lake-"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action="/actions/pause"]`)), chromedp.Focus(chromedp.CSS(`form button`)), chromedp.SendKeys(chromedp.CSS(`form button`), "\r"))
	b.wait("the word that it is paused", `location.pathname === "/transfers" && document.querySelector(".said")?.textContent.includes("Paused")`)
	list, err := cost.Pauses(l.m.Dir())
	if err != nil || len(list) != 1 {
		t.Fatalf("paused: %v, %v", list, err)
	}
	b.open("/")
	b.wait("the pause among what needs somebody", `document.querySelector(".concerns").textContent.includes("is paused")`)
	b.do(chromedp.Click(chromedp.CSS(`.concerns a[href^="/actions/resume"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action="/actions/resume"]`)), chromedp.Click(chromedp.CSS(`form button`)))
	b.wait("the word that it goes on", `document.querySelector(".said")?.textContent.includes("Resumed")`)
	if list, err := cost.Pauses(l.m.Dir()); err != nil || len(list) != 0 {
		t.Errorf("resumed, paused are %v, %v", list, err)
	}

	b.open("/actions/approve?budget=speech-team&usd=0.25")
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "the demo on Friday"), chromedp.Click(chromedp.CSS(`form button`)))
	b.wait("the approval", `location.pathname === "/budgets/speech-team" && document.body?.innerText.includes("the demo on Friday")`)
	all, err := l.ledger.Approvals()
	if err != nil || len(all) != 1 || all[0].By != "dashboard" || all[0].ExtraNanoUSD != int64(cost.USD/4) {
		t.Errorf("approved: %+v, %v", all, err)
	}
	b.silent("actions")
}

// loses: a page says that nobody answers any more, and goes on when somebody does.
func loses(t *testing.T, b *browser, l *lab) {
	h := New(Options{Reader: l.reader})
	var down atomic.Bool
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler) // the connection is gone
		}
		h.ServeHTTP(w, r)
	}))
	was := b.at
	b.at = address
	defer func() { b.at = was }()
	b.open("/budgets")
	down.Store(true)
	b.wait("the word that nobody answers", `!document.getElementById("lost").hidden && document.getElementById("lost").textContent.includes("No answer since")`)
	down.Store(false)
	b.wait("that to go away", `document.getElementById("lost").hidden`)
	// The browser and htmx tell of each answer that did not come.
	b.forgive("ERR_EMPTY_RESPONSE")
	b.forgive("Failed to fetch")
	b.silent("without an answer")
	if got := value[int](b, `document.querySelectorAll("a[href^='/actions']").length`); got != 0 {
		t.Errorf("%d actions of a dashboard that has none", got)
	}
}

// screenshots for the documentation.
func screenshots(t *testing.T, b *browser, l *lab, dir string) {
	// Some minutes of history, in which not everything goes at one speed.
	for _, speed := range []string{"12Mbit/s", "6Mbit/s", "9Mbit/s"} {
		l.pace(speed)
		time.Sleep(45 * time.Second)
	}
	shoot := func(name, path, scheme string, width, height int64) {
		b.dress(scheme, width, height, 1)
		b.open(path)
		b.wait("fonts and charts", `document.fonts.status === "loaded" && (!document.querySelector("figure[data-chart]") || document.querySelector(".u-over"))`)
		time.Sleep(500 * time.Millisecond)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		small, err := smaller(picture)
		if err != nil {
			t.Fatal(err)
		}
		if len(small) > 150<<10 {
			t.Errorf("%s.png has %d bytes", name, len(small))
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), small, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shoot("overview", "/", "light", 1280, 1180)
	shoot("overview-dark", "/", "dark", 1280, 1180)
	shoot("phone", "/", "light", 360, 780)
	shoot("jobs", "/jobs", "light", 1280, 620)
	shoot("job", "/jobs/llama-7b-warmup", "light", 1280, 900)
	shoot("transfers", "/transfers", "dark", 1280, 900)
	shoot("budget", "/budgets/aws-egress", "light", 1280, 900)
	shoot("spend", "/spend", "light", 1280, 900)
	shoot("data", "/data", "dark", 1280, 760)
	b.silent("screenshots")
}

// smaller is a picture with at most 256 colours, which flat pages have few more of.
func smaller(b []byte) ([]byte, error) {
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	count := map[color.RGBA]int{}
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			count[color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)]++
		}
	}
	// Most of a page are few colours. The rest of the palette goes to those that are least like one that is in it: a small dot says as much as a large plain.
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	palette := color.Palette{}
	away := make([]int, len(colors))
	for i := range away {
		away[i] = 1 << 30
	}
	for len(palette) < min(256, len(colors)) {
		next := len(palette)
		if next >= 128 {
			for i := range away {
				if away[i] > away[next] {
					next = i
				}
			}
		}
		palette = append(palette, colors[next])
		for i, c := range colors {
			r, g, b := int(c.R)-int(colors[next].R), int(c.G)-int(colors[next].G), int(c.B)-int(colors[next].B)
			away[i] = min(away[i], r*r+g*g+b*b)
		}
	}
	out := image.NewPaletted(src.Bounds(), palette)
	nearest := map[color.RGBA]uint8{}
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			c := color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)
			i, ok := nearest[c]
			if !ok {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var buffer bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&buffer, out)
	return buffer.Bytes(), err
}
