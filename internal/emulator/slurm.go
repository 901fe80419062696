package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// slurmPackages are Debian's. The one with the plugins brings burst_buffer_lua.so, which needs liblua5.1.
const slurmPackages = "slurm-wlm munge"

// slurmPrograms are what StartSlurm and its callers run. Debian keeps the daemons in /usr/sbin.
var slurmPrograms = []string{"munged", "munge", "slurmctld", "slurmd", "sinfo", "squeue", "scontrol", "sbatch", "scancel"}

// ErrNoSlurm: this machine cannot run a Slurm for tests. The error says what would have to be done.
var ErrNoSlurm = errors.New("no Slurm to test against")

// SlurmOptions say what the cluster is to be like. The zero value is a cluster without hooks.
type SlurmOptions struct {
	// BurstBuffer is a Lua script that becomes burst_buffer.lua; empty: no burst buffers.
	BurstBuffer string
	// Files are written beside slurm.conf, by name.
	Files map[string]string
	// Prolog is a program that slurmd runs before a job; empty: none.
	Prolog string
	// Env is added to the daemons' environment, as NAME=VALUE.
	Env []string
}

// Slurm is a running cluster of one node: munged with a key of its own, slurmctld and slurmd. Any user of the machine can submit;
// root is its operator, and may not use burst buffers.
type Slurm struct {
	dir             string
	munge, ctl, run *process
	programs        map[string]string
}

// slurmCluster is the ClusterName; it is a part of job names.
const slurmCluster = "dgtest"

// StartSlurm starts a cluster that keeps everything in dir, which is made if it is missing, and returns when its node can take
// jobs. Nothing of a Slurm that the machine may have is used or touched. Errors: [ErrNoSlurm].
func StartSlurm(ctx context.Context, dir string, o SlurmOptions) (*Slurm, error) {
	programs, err := findSlurm()
	if err != nil {
		return nil, err
	}
	s := &Slurm{dir: dir, programs: programs}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// findSlurm looks for the programs, and for what they need to run.
func findSlurm() (map[string]string, error) {
	programs := map[string]string{}
	for _, name := range slurmPrograms {
		path, err := exec.LookPath(name)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + name)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s is not in the PATH: on Debian, as root: apt-get install -y --no-install-recommends %s",
				ErrNoSlurm, name, slurmPackages)
		}
		programs[name] = path
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: slurmd starts jobs for others and runs as root only: run the tests as root, in a container for example",
			ErrNoSlurm)
	}
	return programs, nil
}

func (s *Slurm) start(ctx context.Context, o SlurmOptions) error {
	for _, d := range []string{"state", "spool"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // users read slurm.conf and speak to munged
		return err
	}
	if err := s.startMunge(ctx); err != nil {
		return err
	}
	var err error
	for range portAttempts {
		if err = s.startDaemons(ctx, o); err == nil || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return err
		}
		err = errors.Join(err, s.stopDaemons())
	}
	return err
}

// startMunge starts the daemon that vouches for who calls, with a key that nobody else has.
func (s *Slurm) startMunge(ctx context.Context) error {
	const maxSocketBytes = 107 // of sockaddr_un on Linux
	if len(s.mungeSocket()) > maxSocketBytes {
		return fmt.Errorf("start munged: the path %s is too long for a socket: choose a shorter folder", s.mungeSocket())
	}
	key := make([]byte, 128)
	_, _ = rand.Read(key) // never fails
	path := func(name string) string { return filepath.Join(s.dir, "munge."+name) }
	if err := os.WriteFile(path("key"), key, 0o600); err != nil {
		return err
	}
	var err error
	s.munge, err = spawn(exec.Command(s.programs["munged"], "--foreground", "--force", "--socket="+s.mungeSocket(),
		"--key-file="+path("key"), "--pid-file="+path("pid"), "--seed-file="+path("seed"), "--log-file="+path("messages")), 0, path("log"))
	if err != nil {
		return fmt.Errorf("start munged: %w", err)
	}
	return s.await(ctx, s.munge, "munged", path("log"), func(ctx context.Context) bool {
		return exec.CommandContext(ctx, s.programs["munge"], "--socket="+s.mungeSocket(), "--no-input").Run() == nil
	})
}

func (s *Slurm) mungeSocket() string { return filepath.Join(s.dir, "munge.socket") }

// startDaemons writes the configuration for two free ports and starts both.
func (s *Slurm) startDaemons(ctx context.Context, o SlurmOptions) error {
	ctlPort, err := FreePort()
	if err != nil {
		return err
	}
	runPort, err := FreePort()
	if err != nil {
		return err
	}
	if err := s.writeConfig(o, ctlPort, runPort); err != nil {
		return err
	}
	if s.ctl, err = s.daemon("slurmctld", ctlPort, o.Env, "-D", "-i"); err != nil {
		return err
	}
	if err := s.await(ctx, s.ctl, "slurmctld", s.log("slurmctld"), func(ctx context.Context) bool {
		out, err := s.Command(ctx, "scontrol", "ping").Output()
		return err == nil && bytes.Contains(out, []byte(" is UP"))
	}); err != nil {
		return err
	}
	if s.run, err = s.daemon("slurmd", runPort, o.Env, "-D", "-N", slurmNode); err != nil {
		return err
	}
	return s.await(ctx, s.run, "slurmd", s.log("slurmd"), func(ctx context.Context) bool {
		out, err := s.Command(ctx, "sinfo", "-h", "-o", "%T").Output()
		return err == nil && strings.TrimSpace(string(out)) == "idle"
	})
}

func (s *Slurm) daemon(name string, port int, env []string, args ...string) (*process, error) {
	cmd := exec.Command(s.programs[name], args...)
	cmd.Env = append(append(os.Environ(), env...), s.Env()...)
	p, err := spawn(cmd, port, s.log(name))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (s *Slurm) log(name string) string { return filepath.Join(s.dir, name+".log") }

// await asks until the daemon is up, or has ended, or took too long.
func (s *Slurm) await(ctx context.Context, p *process, name, log string, up func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not up in %s", startTimeout))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !up(ctx) {
		var err error
		select {
		case <-p.done:
			err = fmt.Errorf("it ended: %s", p.cmd.ProcessState)
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-tick.C:
			continue
		}
		logged, _ := os.ReadFile(log)
		return fmt.Errorf("%s did not come up: %w; the end of %s:\n%s", name, err, log, tail(logged))
	}
	return nil
}

// Cluster is the cluster's name.
func (s *Slurm) Cluster() string { return slurmCluster }

// Env points Slurm's commands to this cluster, as NAME=VALUE.
func (s *Slurm) Env() []string { return []string{"SLURM_CONF=" + s.configPath()} }

// StateDir is where the controller keeps its state, StateSaveLocation.
func (s *Slurm) StateDir() string { return filepath.Join(s.dir, "state") }

// Command is one of Slurm's commands on this cluster.
func (s *Slurm) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.programs[name], args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	return cmd
}

// PID is the controller's process id.
func (s *Slurm) PID() int { return s.ctl.PID() }

// Logs are the ends of what the daemons wrote, for a test that failed.
func (s *Slurm) Logs() string {
	var b strings.Builder
	for _, name := range []string{"slurmctld", "slurmd"} {
		logged, _ := os.ReadFile(s.log(name))
		fmt.Fprintf(&b, "== %s\n%s\n", name, tail(logged))
	}
	return b.String()
}

// Stop ends the jobs, then the daemons. Stopping it again is no error.
func (s *Slurm) Stop() error {
	err := s.stopDaemons()
	if s.munge != nil {
		err = errors.Join(err, s.munge.Stop())
	}
	return err
}

// stopDaemons ends jobs first: each has a slurmstepd in a session of its own, which would outlive slurmd.
func (s *Slurm) stopDaemons() error {
	const patience = 10 * time.Second
	if s.ctl != nil && s.run != nil && !s.ctl.ended() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = s.Command(ctx, "scancel", "--full", "--signal=KILL", "--partition=gpu").Run() // what stays is seen below
		_ = s.Command(ctx, "scancel", "--partition=gpu").Run()
		for ctx.Err() == nil {
			out, err := s.Command(ctx, "squeue", "-h", "--states=RUNNING,COMPLETING", "-o", "%i").Output()
			if err != nil || len(bytes.TrimSpace(out)) == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	var err error
	for _, p := range []*process{s.run, s.ctl} {
		if p != nil {
			err = errors.Join(err, p.Stop())
		}
	}
	s.run, s.ctl = nil, nil
	return err
}
