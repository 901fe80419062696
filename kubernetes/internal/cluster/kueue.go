package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/datagravity/datagravity/internal/emulator"
)

// kueueConfig: no webhooks are installed, since nothing here can call them but by a service; so Jobs must be made suspended, as the webhook would make them.
const kueueConfig = `apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
namespace: kueue-system
health: {healthProbeBindAddress: "127.0.0.1:%d"}
metrics: {bindAddress: "0"}
webhook: {port: %d, certDir: %q}
featureGates: {VisibilityOnDemand: false}
leaderElection: {leaderElect: false}
internalCertManagement: {enable: false}
clientConnection: {qps: 500, burst: 1000}
integrations: {frameworks: ["batch/job", "ray.io/rayjob", "ray.io/raycluster"]}
`

// enterEtc starts a program in a mount namespace where /etc has one folder more: Kueue's manager looks there for certificates of its metrics, wherever else
// it is told to look, and the machine's own /etc stays as it is. Arguments: a folder of ours, the folder of the certificates, the program and its arguments.
const enterEtc = `set -e
ours=$1 certs=$2; shift 2
mkdir -p "$ours/real" "$ours/etc/kueue/metrics"
mount --bind /etc "$ours/real"
for f in /etc/* /etc/.[!.]*; do [ -e "$f" ] && ln -s "$ours/real/${f#/etc/}" "$ours/etc/${f#/etc/}"; done
ln -s "$certs" "$ours/etc/kueue/metrics/certs"
mount --bind "$ours/etc" /etc
exec "$@"
`

var kueueOnce sync.Map // *Cluster to func() error

// Kueue starts Kueue's own manager, once a package.
func (c *Cluster) Kueue(t testing.TB) {
	t.Helper()
	once, _ := kueueOnce.LoadOrStore(c, sync.OnceValue(c.startKueue))
	if err := once.(func() error)(); err != nil { //nolint:forcetypeassert // what is stored above
		t.Fatal(err)
	}
}

func (c *Cluster) startKueue() error {
	tool, err := emulator.ToolKueue.Path()
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, "kueue")
	certs := filepath.Join(dir, "certs")
	if err := os.MkdirAll(certs, 0o700); err != nil {
		return err
	}
	if err := ownCertificate(certs); err != nil {
		return err
	}
	user, err := c.env.AddUser(envtest.User{Name: "kueue", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return err
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return err
	}
	health, err := emulator.FreePort()
	if err != nil {
		return err
	}
	webhooks, err := emulator.FreePort()
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "config.yaml")
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "kubeconfig"), kubeconfig, 0o600),
		os.WriteFile(config, fmt.Appendf(nil, kueueConfig, health, webhooks, certs), 0o600),
	); err != nil {
		return err
	}
	err = c.Client.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kueue-system"}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	args := []string{"--mount", "sh", "-c", enterEtc, "sh", filepath.Join(dir, "etc"), certs, filepath.Join(tool, "kueue"), "--config", config}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(dir, "kubeconfig"))
	var p process
	err = p.start(cmd, 2*time.Minute, func() bool {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", health))
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	if p.cmd != nil {
		atEnd(func() error { p.Kill(); return nil })
	}
	return err
}
