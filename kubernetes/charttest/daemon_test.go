package charttest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// answers is the status of GET /healthz with a host's name, 0 if nobody is there.
func answers(address, host string) int {
	// Its own certificate is vouched for by nobody; the kubelet does not look either.
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	r, err := http.NewRequest(http.MethodGet, "https://"+address+"/healthz", nil)
	if err != nil {
		return 0
	}
	r.Host = host
	a, err := c.Do(r)
	if err != nil {
		return 0
	}
	_ = a.Body.Close()
	return a.StatusCode
}

// The daemon starts with the chart's configuration, in folders as a kubelet gives them, which everybody may write to; and answers by the names that the
// controller and the kubelet's probe have for it, and no other.
func TestDaemonStartsWithTheChartsConfiguration(t *testing.T) {
	root, err := os.MkdirTemp("/tmp", "dg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	program := filepath.Join(root, "datagravity")
	build := exec.Command("go", "build", "-o", program, "./cmd/datagravity")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := rendered(t, "")
	config := as[corev1.ConfigMap](t, all, "ConfigMap datagravity/datagravity-daemon").Data["datagravity.yaml"]
	for _, mount := range pods(t, all)["daemon"].Spec.Containers[0].VolumeMounts {
		if mount.Name != "state" && mount.Name != "run" {
			continue
		}
		dir := filepath.Join(root, mount.MountPath)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777|os.ModeSetgid); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(config, " "+mount.MountPath+"/") {
			t.Errorf("nothing is in %s:\n%s", mount.MountPath, config)
		}
		config = strings.ReplaceAll(config, " "+mount.MountPath, " "+dir)
	}
	config = strings.ReplaceAll(config, "listen: :8443", fmt.Sprintf("listen: %q", address))
	path := filepath.Join(root, "datagravity.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string(nil), pods(t, all)["daemon"].Spec.Containers[0].Args...)
	for i, a := range arguments {
		if a == "/etc/datagravity/datagravity.yaml" {
			arguments[i] = path
		}
	}
	var log bytes.Buffer
	d := exec.Command(program, arguments...)
	d.Env = append(os.Environ(), "HOME="+root)
	d.Stdout, d.Stderr = &log, &log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Wait() }()
	for answers(address, "datagravity-daemon.datagravity.svc:8443") == 0 {
		select {
		case err := <-ended:
			t.Fatalf("the daemon ended: %v\n%s", err, log.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	for host, want := range map[string]int{"datagravity-daemon.datagravity.svc:8443": 200, address: 200, "elsewhere.example": 421} {
		if got := answers(address, host); got != want {
			t.Errorf("as %s it answers %d, want %d", host, got, want)
		}
	}
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it was told to stop: %v\n%s", err, log.String())
	}
}
