package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/internal/emulator"
)

// requireKubernetes makes a machine where the servers' programs are not in the cache a failure; `make test-k8s` builds them, and sets it.
const requireKubernetes = "DATAGRAVITY_REQUIRE_KUBERNETES"

// Cluster is a running API server. Its methods are safe for concurrent use.
type Cluster struct {
	// Admin may do everything; Client does it.
	Admin  *rest.Config
	Client client.Client
	Scheme *runtime.Scheme

	env      *envtest.Environment
	dir      string
	auditLog string
}

var (
	mu      sync.Mutex
	ends    []func() error // of what runs, in the order in which it was started
	started = sync.OnceValues(start)
)

// Main runs a package's tests and ends the servers that they started.
func Main(m *testing.M) {
	code := m.Run()
	mu.Lock()
	defer mu.Unlock()
	for i := len(ends) - 1; i >= 0; i-- {
		if err := ends[i](); err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// atEnd has Main call it.
func atEnd(f func() error) {
	mu.Lock()
	defer mu.Unlock()
	ends = append(ends, f)
}

// Start returns the package's API server. Where its programs are not in the cache the test is skipped, unless requireKubernetes is set.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("make test-k8s runs this, against real servers")
	}
	if err := errors.Join(emulator.ToolKubernetes.Cached(), emulator.ToolKueue.Cached()); err != nil && os.Getenv(requireKubernetes) == "" {
		t.Skipf("make test-k8s builds the servers and runs this: %v", err)
	}
	c, err := started()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start() (*Cluster, error) {
	if err := emulator.Ensure(context.Background(), emulator.ToolKubernetes, emulator.ToolKueue); err != nil {
		return nil, err
	}
	assets, err := emulator.ToolKubernetes.Path()
	if err != nil {
		return nil, err
	}
	crds, err := definitions()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "datagravity-kubernetes-")
	if err != nil {
		return nil, err
	}
	atEnd(func() error { return os.RemoveAll(dir) })
	c := &Cluster{dir: dir, Scheme: runtime.NewScheme()}
	utilruntime.Must(clientgoscheme.AddToScheme(c.Scheme))
	utilruntime.Must(kueue.AddToScheme(c.Scheme))
	utilruntime.Must(batchv1.AddToScheme(c.Scheme))
	c.env = &envtest.Environment{BinaryAssetsDirectory: assets, CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true, Scheme: c.Scheme}
	c.env.CRDInstallOptions.MaxTime = 2 * time.Minute // ten seconds by itself, which a machine that does other things has missed
	if err := c.audit(); err != nil {
		return nil, err
	}
	atEnd(c.env.Stop) // also of one that starts in part
	if c.Admin, err = c.env.Start(); err != nil {
		return nil, err
	}
	c.Admin.QPS, c.Admin.Burst = 1000, 1000
	c.Client, err = client.New(c.Admin, client.Options{Scheme: c.Scheme})
	return c, err
}

// definitions are the files with the resources of Kueue and KubeRay, of the versions that the servers are built from.
func definitions() ([]string, error) {
	root, err := emulator.Checkout()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kueue", "github.com/ray-project/kuberay/ray-operator")
	cmd.Dir = filepath.Join(root, "kubernetes", "servers", "kueue")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("find the resources of Kueue: %w", err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) != 2 {
		return nil, fmt.Errorf("find the resources of Kueue: go list says %q", out)
	}
	rays := filepath.Join(dirs[1], "config", "crd", "bases")
	return []string{filepath.Join(dirs[0], "config", "components", "crd", "bases"), filepath.Join(rays, "ray.io_rayjobs.yaml"), filepath.Join(rays, "ray.io_rayclusters.yaml")}, nil
}

// Namespace makes one that nobody else has.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	id := make([]byte, 6)
	_, _ = rand.Read(id) // never fails
	name := "test-" + hex.EncodeToString(id)
	c.Make(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return name
}

// Make creates objects.
func (c *Cluster) Make(t testing.TB, list ...client.Object) {
	t.Helper()
	for _, o := range list {
		if err := c.Client.Create(context.Background(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// As is the configuration of a client that the API server takes for somebody: a service account is system:serviceaccount:NAMESPACE:NAME, of the groups
// system:serviceaccounts and system:serviceaccounts:NAMESPACE. It also writes it to a file, for a process.
func (c *Cluster) As(t testing.TB, user string, groups ...string) (config *rest.Config, kubeconfig string) {
	t.Helper()
	u, err := c.env.AddUser(envtest.User{Name: user, Groups: groups}, &rest.Config{QPS: 1000, Burst: 1000})
	if err != nil {
		t.Fatal(err)
	}
	text, err := u.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	return u.Config(), writeFile(t, text, "kubeconfig")
}

// ServiceAccount is As for one of a namespace.
func (c *Cluster) ServiceAccount(t testing.TB, namespace, name string) (config *rest.Config, kubeconfig string) {
	t.Helper()
	return c.As(t, serviceAccount(namespace, name), "system:serviceaccounts", "system:serviceaccounts:"+namespace, "system:authenticated")
}

// serviceAccount is what the API server calls one.
func serviceAccount(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

func writeFile(t testing.TB, text []byte, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
