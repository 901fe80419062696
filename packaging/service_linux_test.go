package packaging

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is for a machine that is busy; nothing here takes a second.
const patience = time.Minute

// service is the unit as systemd would run it, in the folder that the package was unpacked into, as a user of its own.
type service struct {
	t      *testing.T
	root   string
	uid    int
	states chan string // what the service manager is told
	told   []string
}

const someUser = 64321 // nobody's

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, root: unpacked(t), uid: os.Getuid(), states: make(chan string, 1000)}
	if s.uid == 0 {
		s.uid = someUser
	}
	for _, dir := range []string{"var/lib/datagravity", "run/datagravity"} {
		path := filepath.Join(s.root, dir)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, s.uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"var", "var/lib", "run"} {
		if err := os.Chmod(filepath.Join(s.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	notify := filepath.Join(s.root, "run/notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(notify, 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.states)
		b := make([]byte, 8<<10)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			for state := range strings.SplitSeq(string(b[:n]), "\n") {
				s.states <- state
			}
		}
	}()
	return s
}

// setting is a line of the unit as it is installed.
func (s *service) setting(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.root, "usr/lib/systemd/system/datagravity.service"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	s.t.Fatalf("the unit has no %s=", name)
	return ""
}

// command is a process in the unpacked root, with the paths that the package has.
func (s *service) command(uid int, env []string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: "/", Env: append([]string{"PATH=/usr/bin", "HOME=/var/lib/datagravity"}, env...)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
		return cmd
	}
	own := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = own(os.Getuid()), own(os.Getgid())
	return cmd
}

// await reads what the manager is told until a state begins with want.
func (s *service) await(want string) string {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case state := <-s.states:
			s.told = append(s.told, state)
			if strings.HasPrefix(state, want) {
				return state
			}
		case <-deadline:
			s.t.Fatalf("the service manager is not told %q, only %q", want, s.told)
		}
	}
}

func TestServiceAsInstalled(t *testing.T) {
	s := newService(t)
	if kind := s.setting("Type"); kind != "notify" {
		t.Fatalf("Type=%s", kind)
	}
	var log bytes.Buffer
	env := []string{"NOTIFY_SOCKET=/run/notify", "STATE_DIRECTORY=/var/lib/datagravity", "RUNTIME_DIRECTORY=/run/datagravity"}
	daemon := s.command(s.uid, env, strings.Fields(s.setting("ExecStart"))...)
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); errors.Is(err, syscall.EPERM) && os.Getuid() != 0 {
		missing(t, "a user may make no namespaces here, and is not root: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	defer func() {
		_ = daemon.Process.Kill()
		if t.Failed() {
			<-ended
			t.Logf("the log:\n%s", log.String())
		}
	}()
	s.await("READY=1")
	if status := s.await("STATUS="); !strings.Contains(status, "/etc/datagravity/datagravity.yaml names no store") {
		t.Errorf("nothing is configured, and the status is %q", status)
	}
	info, err := os.Stat(filepath.Join(s.root, "run/datagravity/datagravity.sock"))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}

	// Its own user is answered, and root; with the configuration that both find without being told.
	for _, uid := range []int{s.uid, 0} {
		if uid == 0 && os.Getuid() != 0 {
			continue
		}
		out, err := s.command(uid, nil, "/usr/bin/datagravity", "jobs", "list").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "no jobs") {
			t.Errorf("jobs list as %d: %v\n%s", uid, err, out)
		}
	}
	if os.Getuid() == 0 {
		out, err := s.command(s.uid+1, nil, "/usr/bin/datagravity", "jobs", "list").CombinedOutput()
		if err == nil {
			t.Errorf("another user is answered:\n%s", out)
		}
	}

	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.await("STOPPING=1")
	select {
	case err := <-ended:
		ended <- err
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if !strings.Contains(log.String(), "nothing to do yet") {
		t.Errorf("the log does not say what to do:\n%s", log.String())
	}
	if _, err := os.Stat(filepath.Join(s.root, "var/lib/datagravity/manifest.db")); err != nil {
		t.Error(err)
	}
}

// A configuration that is wrong ends the start with the code after which the unit does not try again.
func TestServiceWithAWrongConfiguration(t *testing.T) {
	s := newService(t)
	path := filepath.Join(s.root, "etc/datagravity/datagravity.yaml")
	if err := os.WriteFile(path, []byte("agent:\n  locatoin: onprem:lab1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(s.uid, nil, strings.Fields(s.setting("ExecStart"))...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		missing(t, "a user may make no namespaces here, and is not root: %v", err)
	}
	code := strconv.Itoa(cmd.ProcessState.ExitCode())
	found := false
	for _, c := range strings.Fields(s.setting("RestartPreventExitStatus")) {
		found = found || c == code
	}
	if !found || !strings.Contains(string(out), "/etc/datagravity/datagravity.yaml:2:13: agent.locatoin: ") {
		t.Errorf("exit code %s:\n%s", code, out)
	}
}
