package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Controller is a process of the controller's program, with the rights and the arguments that the chart gives it.
type Controller struct {
	t       testing.TB
	bin     string
	args    []string
	metrics int
	log     lockedBuffer
	cmd     *exec.Cmd
	end     chan error
}

// Controller starts one for a daemon, in a namespace of its own, that works in some namespaces or, of none, in all. It ends with the test.
func (c *Cluster) Controller(t testing.TB, d *Daemon, namespaces ...string) *Controller {
	t.Helper()
	home := c.Namespace(t)
	rendered := Render(t, home, map[string]any{
		"cluster": home, "namespaces": namespaces, "api": map[string]any{"url": d.URL, "caSecret": "ca"}, "daemon": map[string]any{"enabled": false},
	})
	account, args, err := c.install(t, rendered)
	if err != nil {
		t.Fatal(err)
	}
	_, kubeconfig := c.ServiceAccount(t, home, account)
	for i, a := range args {
		a = strings.Replace(a, "=/etc/datagravity/token/token", "="+d.TokenFile, 1)
		args[i] = strings.Replace(a, "=/etc/datagravity/ca/ca.crt", "="+d.CA, 1)
	}
	metrics, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	// A machine of tests waits for a lease less long.
	args = append(args, "--kubeconfig="+kubeconfig, fmt.Sprintf("--metrics-address=127.0.0.1:%d", metrics), "--health-address=0",
		"--lease-duration=4s", "--renew-deadline=3s")
	p := &Controller{t: t, bin: Program(t, "kubernetes", "./cmd/datagravity-kubernetes"), args: args, metrics: metrics}
	p.Start()
	t.Cleanup(func() {
		p.Kill()
		if strings.Contains(p.log.String(), "forbidden") {
			t.Error("the chart's rights are too small")
		}
		if t.Failed() {
			t.Logf("the controller said:\n%s", tail(p.log.String()))
		}
	})
	return p
}

// Start starts it, and waits until it answers for its metrics; it need not lead yet.
func (p *Controller) Start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.end = make(chan error, 1)
	go func(cmd *exec.Cmd, end chan error) { end <- cmd.Wait() }(p.cmd, p.end)
	for range 1200 {
		select {
		case err := <-p.end:
			p.end <- err
			p.t.Fatalf("the controller ended: %v\n%s", err, tail(p.log.String()))
		default:
		}
		if p.Metric("go_goroutines", "") > 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("the controller does not serve its metrics:\n%s", tail(p.log.String()))
}

// Kill ends it as kill -9 does.
func (p *Controller) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	err := <-p.end
	p.end <- err
}

// Metric is the sum of a metric's series whose labels a pattern matches; 0 if there are none, or nobody answers.
func (p *Controller) Metric(name, labels string) float64 {
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", p.metrics))
	if err != nil {
		return 0
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	sum := 0.0
	for _, found := range regexp.MustCompile(`(?m)^`+name+`(\{.*\})? (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		if regexp.MustCompile(labels).MatchString(found[1]) {
			v, _ := strconv.ParseFloat(found[2], 64) // the text form of Prometheus
			sum += v
		}
	}
	return sum
}

// Anonymous is its RssAnon, in bytes: memory of its own, without the files that it maps.
func (p *Controller) Anonymous() (bytes int64) {
	p.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatal("no RssAnon")
	return 0
}

// Leads waits until it does.
func (p *Controller) Leads(c *Cluster) {
	p.t.Helper()
	c.Until(p.t, "the controller leads, and its daemon answers", func() bool { return p.Metric("datagravity_kubernetes_daemon_up", "") == 1 })
}

// Quiet waits until a count has stood still for some seconds, and returns it.
func Quiet(count func() float64, still time.Duration) float64 {
	was, since := count(), time.Now()
	for time.Since(since) < still {
		time.Sleep(200 * time.Millisecond)
		if now := count(); now != was {
			was, since = now, time.Now()
		}
	}
	return was
}
