package cluster

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator"
)

// Controller is a process of the controller's program, with the rights and the arguments that the chart gives it.
type Controller struct {
	process
	t       testing.TB
	cluster *Cluster
	user    string // as the API server calls it
	bin     string
	args    []string
	metrics int
	health  int
}

// Controller starts one for a daemon, in a namespace of its own, that works in some namespaces or, of none, in all. It ends with the test.
func (c *Cluster) Controller(t testing.TB, d *Daemon, namespaces ...string) *Controller {
	t.Helper()
	return c.ControllerWith(t, d, ControllerOptions{Lease: 4 * time.Second}, namespaces...)
}

// ControllerOptions of [Cluster.ControllerWith].
type ControllerOptions struct {
	// Values for the chart's section controller.
	Values map[string]any
	// Lease is how long its lease counts; 0: as long as by itself. The next one waits for that long, and one that cannot renew it meanwhile ends.
	Lease time.Duration
}

// ControllerWith is Controller with options.
func (c *Cluster) ControllerWith(t testing.TB, d *Daemon, o ControllerOptions, namespaces ...string) *Controller {
	t.Helper()
	home := c.Namespace(t)
	values := o.Values
	if values == nil {
		values = map[string]any{} // nil would take the chart's own away
	}
	rendered := Render(t, home, map[string]any{
		"cluster": home, "namespaces": append([]string{}, namespaces...), "controller": values,
		"api": map[string]any{"url": d.URL, "caSecret": "ca"}, "daemon": map[string]any{"enabled": false},
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
	args = append(args, "--kubeconfig="+kubeconfig)
	if o.Lease > 0 {
		args = append(args, fmt.Sprintf("--lease-duration=%s", o.Lease), fmt.Sprintf("--renew-deadline=%s", o.Lease*3/4))
	}
	p := &Controller{t: t, cluster: c, user: serviceAccount(home, account), bin: Program(t, "kubernetes", "./cmd/datagravity-kubernetes")}
	p.begin(args)
	return p
}

// Replica starts another one for the same lease, which is called something else in conditions.
func (p *Controller) Replica(name string) *Controller {
	p.t.Helper()
	second := &Controller{t: p.t, cluster: p.cluster, user: p.user, bin: p.bin}
	second.begin(append(slices.Clone(p.args), "--identity="+name))
	return second
}

// begin starts it with arguments, and has it end with the test.
func (p *Controller) begin(args []string) {
	t := p.t
	t.Helper()
	var err error
	for _, port := range []*int{&p.metrics, &p.health} {
		if *port, err = emulator.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	p.args = append(args, fmt.Sprintf("--metrics-address=127.0.0.1:%d", p.metrics), fmt.Sprintf("--health-address=127.0.0.1:%d", p.health))
	p.Start()
	t.Cleanup(func() {
		p.Kill()
		if strings.Contains(p.log.String(), "forbidden") {
			t.Error("the chart's rights are too small")
		}
		if t.Failed() {
			t.Logf("the controller said:\n%s", p.said())
		}
	})
}

// Ours tells whether a namespace is the one that the controller is installed in.
func (p *Controller) Ours(namespace string) bool {
	return strings.HasPrefix(p.user, serviceAccount(namespace, ""))
}

// Probe is the status of an answer to one of the kubelet's questions, /healthz or /readyz; 0 if nobody answers.
func (p *Controller) Probe(path string) int {
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", p.health, path))
	if err != nil {
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// Start starts it, and waits until it answers for its metrics; it need not lead yet.
func (p *Controller) Start() {
	p.t.Helper()
	err := p.start(exec.Command(p.bin, p.args...), time.Minute, func() bool { return p.Metric("go_goroutines", "") > 0 })
	if err != nil {
		p.t.Fatal(err)
	}
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

// Leads waits until it does.
func (p *Controller) Leads(c *Cluster) {
	p.t.Helper()
	c.Until(p.t, "the controller leads, and its daemon answers", func() bool { return p.Metric("datagravity_kubernetes_daemon_up", "") == 1 })
}

// RSSAnon is its memory in bytes, without pages of files.
func (p *Controller) RSSAnon() int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`).FindSubmatch(text)
	if found == nil {
		p.t.Fatalf("no RssAnon in\n%s", text)
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64) // digits
	return kib << 10
}
