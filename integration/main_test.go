package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/internal/canary"
	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// build makes the program, once.
var build = sync.OnceValues(func() (string, error) { return built() })

// built by go build, with flags.
func built(flags ...string) (string, error) {
	dir, err := emutest.TempDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "datagravity")
	out, err := exec.Command("go", slices.Concat([]string{"build", "-o", bin}, flags, []string{"../cmd/datagravity"})...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
}

// rig is one user's folder: a configuration, a state directory, a dataset in Azure and three destinations.
type rig struct {
	t      *testing.T
	dir    string
	bin    string
	source store.Store
	dests  map[string]store.Store
	urls   map[string]string // of azure, s3, gcs, lab
	// dataset is what the configuration calls it.
	dataset string
	files   map[string][]byte // the dataset, by path
}

const config = `agent: {location: "azure:eastus", state: state, memory: 48MiB, part_size: %s, allow_insecure: true}
stores:
  training: {url: "%s", location: "azure:eastus"}
  aws: {url: "%s", location: "aws:us-east-1"}
  gcp: {url: "%s", location: "gcp:us-central1"}
  lab: {url: "file://%s?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: training, prefix: c4/}
destinations:
  s3: {store: aws, prefix: data/c4}
  gcs: {store: gcp, prefix: data/c4}
  lab: {store: lab, prefix: data/c4}
budgets:
  - {name: all, usd: 1000}
`

func newRig(t *testing.T, partSize string) *rig {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), bin: bin, dataset: "c4", dests: map[string]store.Store{}, files: map[string][]byte{}}
	urls := map[string]string{
		"azure": emutest.Bucket(t, emutest.Azurite(t)), "s3": emutest.Bucket(t, emutest.S3(t)), "gcs": emutest.Bucket(t, emutest.GCS(t)),
		"lab": "file://" + filepath.Join(r.dir, "lab") + "?create_dir=true",
	}
	r.urls = urls
	r.source = opentest.Store(t, urls["azure"])
	for _, d := range []string{"s3", "gcs", "lab"} {
		r.dests[d] = opentest.Store(t, urls[d])
	}
	r.write("datagravity.yaml", fmt.Sprintf(config, partSize, urls["azure"], urls["s3"], urls["gcs"], filepath.Join(r.dir, "lab")))
	return r
}

func (r *rig) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = c.Read(b) // never fails
	return b
}

// put writes a shard at the source, whatever was there.
func (r *rig) put(path string, b []byte) {
	r.t.Helper()
	r.files[path] = b
	put(r.t, r.source, "c4/"+path, b)
}

func (r *rig) remove(path string) {
	r.t.Helper()
	delete(r.files, path)
	if err := r.source.Delete(context.Background(), store.Ref{Key: "c4/" + path}); err != nil {
		r.t.Fatal(err)
	}
}

// put writes an object of any size through the store's own uploads.
func put(t *testing.T, s store.Store, key string, b []byte) {
	t.Helper()
	ctx := context.Background()
	if len(b) <= 32<<20 {
		if _, err := s.Put(ctx, key, b, store.WriteOptions{Condition: store.Always()}); err != nil {
			t.Fatal(err)
		}
		return
	}
	u, err := s.CreateUpload(ctx, key, store.UploadOptions{Size: int64(len(b))})
	if err != nil {
		t.Fatal(err)
	}
	var parts []store.Part
	for off := 0; off < len(b); off += 16 << 20 {
		data := b[off:min(len(b), off+16<<20)]
		p, err := s.UploadPart(ctx, u, store.PartInput{
			Number: len(parts) + 1, Offset: int64(off), Data: data, CRC64NVME: chunker.CRC64NVME(data), CRC32C: chunker.CRC32C(data),
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	if _, err := s.CompleteUpload(ctx, u, parts, store.CompleteOptions{Condition: store.Always(), Size: int64(len(b))}); err != nil {
		t.Fatal(err)
	}
}

// command is the program with the rig's configuration.
func (r *rig) command(args ...string) *exec.Cmd {
	c := exec.Command(r.bin, args...)
	c.Dir = r.dir
	return c
}

// run runs the program and returns its exit code and output.
func (r *rig) run(args ...string) (code int, stdout, stderr string) {
	r.t.Helper()
	c := r.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	r.secretless(fmt.Sprintf("datagravity %v", args), out.String()+errs.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

// secretless wants no secret in what somebody printed: of the servers, of the environment, or of anybody's signature.
func (r *rig) secretless(who, text string) {
	r.t.Helper()
	if found := canary.Find([]byte(text), canary.Secrets(emulator.Secrets()...)); found != "" {
		r.t.Errorf("%s printed %s", who, found)
	}
}

func (r *rig) want(code int, args ...string) string {
	r.t.Helper()
	got, out, errs := r.run(args...)
	if got != code {
		r.t.Fatalf("datagravity %v: exit code %d, want %d\n%s%s", args, got, code, out, errs)
	}
	return out
}

// report is what sync --json says.
type report struct {
	Ready  bool `json:"ready"`
	Ways   map[string]struct{ Shards int }
	Moved  int64   `json:"moved_bytes"`
	Resume int64   `json:"resumed_bytes"`
	Read   int64   `json:"wire_read_bytes"`
	Sent   int64   `json:"wire_sent_bytes"`
	USD    float64 `json:"settled_usd"`
}

func (r *rig) sync(dest string, more ...string) (rep report) {
	r.t.Helper()
	out := r.want(0, append([]string{"sync", r.dataset, "--to", dest, "--json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	return rep
}

// equal checks every shard at a destination, byte for byte.
func (r *rig) equal(dest string) {
	r.t.Helper()
	ctx := context.Background()
	for path, want := range r.files {
		o, err := r.dests[dest].Head(ctx, "data/c4/"+path)
		if err != nil {
			r.t.Errorf("%s: %v", dest, err)
			continue
		}
		got := make([]byte, o.Size)
		if err := r.dests[dest].ReadRange(ctx, o.Ref(), 0, got); err != nil {
			r.t.Errorf("%s: %v", dest, err)
		} else if !bytes.Equal(got, want) {
			r.t.Errorf("%s: %q differs", dest, path)
		}
	}
}
