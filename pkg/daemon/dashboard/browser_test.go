package dashboard

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

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
