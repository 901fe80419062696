package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
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
