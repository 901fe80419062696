package metrics

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// requirePromtool makes a machine without promtool a failure; .ci/run sets it, since there it was fetched.
const requirePromtool = "DATAGRAVITY_REQUIRE_PROMTOOL"

// promtool finds Prometheus's own checker, in the PATH or where make promtool puts it.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	cache := os.Getenv("DATAGRAVITY_CACHE")
	if cache == "" {
		cache = "../../../.cache"
	}
	path, err := filepath.Abs(filepath.Join(cache, "bin", "promtool"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil && os.Getenv(requirePromtool) == "" {
		t.Skip("promtool is not here; make promtool fetches it")
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Prometheus's own checker finds nothing wrong with what is exported, nor with the alerts, which fire when they should.
func TestPromtool(t *testing.T) {
	tool := promtool(t)
	run := func(in []byte, args ...string) {
		c := exec.CommandContext(t.Context(), tool, args...)
		c.Dir, c.Stdin = "../../../packaging/prometheus", bytes.NewReader(in)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	run(scraped(t, whole(t)), "check", "metrics")
	run(nil, "check", "rules", "datagravity.rules.yml")
	run(nil, "test", "rules", "datagravity.rules.test.yml")
}
