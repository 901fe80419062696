package emulator_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/emulator/emutest"
)

// The cluster runs a job, is not seen from other machines, and leaves no process behind, although the job would have run on.
func TestSlurm(t *testing.T) {
	s := emutest.Slurm(t, emulator.SlurmOptions{})
	conf := strings.TrimPrefix(s.Env()[0], "SLURM_CONF=")
	started := filepath.Join(t.TempDir(), "started")
	cmd := s.Command(t.Context(), "sbatch", "--output=/dev/null", "--wrap=touch "+started+"; sleep 1000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until(t, "start of the job", func() bool { _, err := os.Stat(started); return err == nil })
	if pids := processesOf(t, conf); len(pids) < 4 { // munged does not know the file
		t.Errorf("with a job running there are only the processes %v", pids)
	}
	wantLoopbackOnly(t, conf)
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	until(t, "end of all processes", func() bool { return len(processesOf(t, conf)) == 0 })
}

func TestSlurmPathTooLong(t *testing.T) {
	_, err := emulator.StartSlurm(context.Background(), filepath.Join(t.TempDir(), strings.Repeat("x", 100)), emulator.SlurmOptions{})
	if errors.Is(err, emulator.ErrNoSlurm) {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), "too long for a socket") {
		t.Errorf("a path of more than 107 bytes: %v", err)
	}
}

// processesOf are those with the cluster's slurm.conf in their environment.
func processesOf(t *testing.T, conf string) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), "SLURM_CONF="+conf+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

func wantLoopbackOnly(t *testing.T, conf string) {
	t.Helper()
	b, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "SlurmctldPort=")
	port, _, _ := strings.Cut(rest, "\n")
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil {
			continue
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort(n.IP.String(), port), time.Second)
		if err == nil {
			_ = c.Close()
		}
		if reached, want := err == nil, n.IP.IsLoopback(); reached != want {
			t.Errorf("slurmctld on %s: reached %v, want %v", n.IP, reached, want)
		}
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}
