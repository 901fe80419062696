package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store/open"
)

// A compute node asks the receipt at the destination: it has no manifest, and nobody answers about jobs.
func TestFromTheReceiptOfAJob(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	config := filepath.Join(dir, "datagravity.yaml")
	text := strings.ReplaceAll(`
agent: {location: "onprem:lab1", state: DIR/none}
stores:
  s: {url: "file://DIR/store", location: "onprem:lab1"}
datasets:
  c4: {store: s, prefix: src}
destinations:
  far: {store: s, prefix: far}
  near: {store: s, prefix: near}
`, "DIR", dir)
	for name, content := range map[string]string{config: text, dir + "/store/far/a-0.tar": "12345", dir + "/store/far/a-1.tar": "67890", dir + "/store/far/index.json": "{}"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := open.Open(ctx, "file://"+dir+"/store", open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func(id, prefix string, keep time.Time) {
		t.Helper()
		r := jobs.JobReceipt{Job: id, Destination: "far", Dataset: "c4", Snapshot: chunker.Digest{0xab}, Prefix: prefix, Format: "mds", Time: *at("2026-11-25T12:00:00Z"), KeepUntil: keep}
		if err := jobs.WriteJobReceipt(ctx, s, r, []jobs.JobShard{{Path: "a-0.tar", Bytes: 5}, {Path: "a-1.tar", Bytes: 5}, {Path: "index.json", Bytes: 2, Index: true}}); err != nil {
			t.Fatal(err)
		}
	}
	write("j", "far/", time.Time{})
	write("over", "far/", *at("2026-11-25T13:00:00Z"))
	write("damaged", "far/", time.Time{})
	if err := os.WriteFile(dir+"/store/.datagravity/jobs/damaged/far/shards.jsonl.gz", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	(&fakeJobs{}).asking(t)
	t.Setenv("TMPDIR", dir)
	var env []string
	defer func() { execve = syscall.Exec }()
	execve = func(_ string, _, environment []string) error { env = environment; return nil }

	check := func(args string, code int, want, wantErr string) {
		t.Helper()
		got, out, errs := runCommand(t, "", append([]string{"--config", config, "--progress", "none"}, strings.Fields(args)...)...)
		if got != code || !regexp.MustCompile(want).MatchString(out) || !regexp.MustCompile(wantErr).MatchString(errs) {
			t.Errorf("%s: exit code %d, want %d\nout, want %q:\n%s\nerr, want %q:\n%s", args, got, code, want, out, wantErr, errs)
		}
	}
	check("ready --job j --from far", 0, `^ready: job j: c4@ab0000000000 at far, under "far/", 3 shards, 12 B \(receipt of 2026-11-25T12:00:00Z\)\n$`, "^$")
	check("ready --job j --from far --check --json", 0, `(?s)"ready": true,.*"prefix": "far/"`, "^$")
	check("wait --job j --from far --timeout 1h", 0, "^ready: job j", "^$")
	check("resolve --job j --from far --format wds", 0, `^`+dir+`/store/far/a-\{0\.\.1\}\.tar\n$`, "^$")
	check("exec --job j --from far -- sh -c true", 0, "^$", "^$")
	if joined := strings.Join(env, "\n"); !strings.Contains(joined, "DATAGRAVITY_PATH="+dir+"/store/far/\n") || !strings.Contains(joined, "DATAGRAVITY_DESTINATION=far\n") {
		t.Errorf("environment: %s", joined)
	}

	check("ready --job other --from far", 75, `not ready: job other: no receipt of this job: "other"`, "^$")
	check("ready --job j --from near", 75, `no receipt of this job: "j"`, "^$")
	check("ready --job over --from far", 75, "ended at 2026-11-25T13:00:00Z; datagravity stage", "^$")
	check("ready --job other --from far --json", 75, `(?s)"ready": false,\n  "state": "unresolved".*"missing": \[\]`, "^$")
	check("wait --job other --from far --timeout 10ms --poll 1ms", 75, "", "")
	check("exec --job other --from far --timeout 10ms --poll 1ms -- sh -c true", 75, "^$", "not ready: ")
	check("resolve --job other --from far --format urls", 75, "^$", "not ready: no receipt of this job")
	check("resolve --job damaged --from far --format urls", 4, "^$", "integrity check failed: the list of shards of job damaged has 1 bytes")
	check("ready --job damaged --from far --check", 4, "^$", "the list of shards of job damaged")
	check("ready --job j --from mars", 2, "^$", `unknown destination "mars"`)

	if err := os.WriteFile(dir+"/store/far/a-0.tar", []byte("123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/store/far/a-1.tar"); err != nil {
		t.Fatal(err)
	}
	check("ready --job j --from far", 0, "", "")
	check("ready --job j --from far --check", 4, `(?s)a-0.tar \(5 B\): has 3 bytes.*a-1.tar \(5 B\): not at the destination\nnot ready: job j: .*2 of them are not as they were`, "^$")
	if _, err := os.Stat(dir + "/none"); !os.IsNotExist(err) {
		t.Errorf("a state directory was made: %v", err)
	}
}
