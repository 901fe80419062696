package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestJournalPriorities(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newJournaled(&out, func(w io.Writer) slog.Handler {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	}))
	log.Debug("d")
	log.Info("i\nj")
	log.With("a", 1).Warn("w")
	log.WithGroup("g").Error("e", "b", 2)
	want := regexp.MustCompile(`(?s)^<7>\{[^\n]*"d"\}\n<6>\{[^\n]*"i\\nj"\}\n<4>\{[^\n]*"w","a":1\}\n<3>\{[^\n]*"e","g":\{"b":2\}\}\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
}

// Each line has its own priority, however many goroutines write.
func TestJournalPrioritiesOfManyWriters(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newJournaled(&out, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }))
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 100 {
				if i%2 == 0 {
					log.Warn("even")
				} else {
					log.With("x", 1).Error("odd")
				}
			}
		})
	}
	writers.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 800 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if strings.HasPrefix(l, "<4>") != strings.Contains(l, "even") || strings.HasPrefix(l, "<3>") != strings.Contains(l, "odd") {
			t.Fatalf("line %q", l)
		}
	}
}

func TestComplaintElsewhereIsPlain(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "1:1")
	if got := complaint(&bytes.Buffer{}, errors.New("a\nb")); got != "datagravity: a\nb\n" {
		t.Errorf("got %q", got)
	}
}

// A process whose standard error is what JOURNAL_STREAM names writes priorities; one whose stream is another one, plain lines.
func TestStandardErrorIsTheJournal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "datagravity")
	if err := os.Symlink(self, program); err != nil { // testscript.Main runs the command of this name
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for name, c := range map[string]struct {
		other uint64
		want  string
	}{"the journal": {0, "<3>datagravity: "}, "another stream": {1, "datagravity: "}} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			stat := info.Sys().(*syscall.Stat_t)
			cmd := exec.Command(program, "--config", missing, "daemon")
			cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, uint64(stat.Ino)+c.other))
			cmd.Stderr = f
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitConfig {
				t.Fatalf("exit code %d: %v", cmd.ProcessState.ExitCode(), err)
			}
			got, err := os.ReadFile(f.Name())
			if err != nil || !strings.HasPrefix(string(got), c.want) {
				t.Errorf("got %q, %v; want %q first", got, err, c.want)
			}
		})
	}
}
