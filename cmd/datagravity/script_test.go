package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/datagravity/datagravity/internal/canary"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"datagravity": watched})
}

// watched is main for a script: it fails if it printed a secret, whatever the script expects of it.
func watched() {
	if os.Getenv("JOURNAL_STREAM") != "" {
		main() // it looks at the stream itself
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	out, errs := &canary.Writer{To: os.Stdout}, &canary.Writer{To: os.Stderr}
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: out, err: errs})
	stop()
	secrets := canary.Secrets()
	for name, w := range map[string]*canary.Writer{"stdout": out, "stderr": errs} {
		if found := w.Find(secrets); found != "" {
			fmt.Fprintf(os.Stderr, "%s has %s\n", name, found)
			code = 98 // of no other meaning
		}
	}
	os.Exit(code)
}

// TestScripts runs every script in testdata/script: one a feature, failing forms included. They read like a manual.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CONFIG_HOME", "")
			e.Setenv("XDG_STATE_HOME", "")
			e.Setenv("STATE_DIRECTORY", "")
			// To be found in what is printed, and right for nothing.
			for _, name := range []string{"AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
				e.Setenv(name, "canary-of-"+strings.ToLower(name))
			}
			if err := os.CopyFS(filepath.Join(e.WorkDir, "examples"), os.DirFS("../../examples")); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700); err != nil {
				return err
			}
			return fillIn(e.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"random": cmdRandom, "exit": cmdExit, "truncate": cmdTruncate, "join": cmdJoin, "journal": cmdJournal,
			"gzip": cmdGzip, "appears": cmdAppears,
		},
		RequireExplicitExec: true,
	})
}

// fillIn puts the script's folder into its configuration files, which need absolute paths.
func fillIn(work string) error {
	files, err := filepath.Glob(filepath.Join(work, "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(f, bytes.ReplaceAll(b, []byte("$WORK"), []byte(work)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// join TO FROM... writes the contents of files one after the other.
func cmdJoin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: join TO FROM...")
	}
	var all []byte
	for _, f := range args[1:] {
		all = append(all, ts.ReadFile(f)...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), all, 0o600))
}

// random FILE BYTES SEED writes incompressible bytes.
func cmdRandom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: random FILE BYTES SEED")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // never fails
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, b, 0o644))
}

// truncate FILE BYTES cuts a file short, as a failing disk or a careless hand does.
func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// journal FILE FROM writes a month of the ledger's journal from its entries, one JSON text a line: the past cannot be spent again.
func cmdJournal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: journal FILE FROM")
	}
	var b bytes.Buffer
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		line = strings.TrimSpace(line)
		fmt.Fprintf(&b, "%08x %s\n", crc32.Checksum([]byte(line), crc32.MakeTable(crc32.Castagnoli)), line)
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, b.Bytes(), 0o600))
}

// gzip TO FROM compresses a file.
func cmdGzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gzip TO FROM")
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// exit CODE PROGRAM ARGS... runs a program and requires this exit code; stdout and stderr are as after exec.
func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		if _, err := fmt.Sscanf(err.Error(), "exit status %d", &got); err != nil {
			ts.Fatalf("%v", args)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
