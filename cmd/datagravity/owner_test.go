package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const somebody = 64321

// asUser runs a command as a user, with the configuration of a state directory that belongs to somebody.
func asUser(t *testing.T, uid int, dir string, args ...string) (code int, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "datagravity") // testscript.Main runs the command of this name
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	_ = cmd.Run() // the code is in the ProcessState
	return cmd.ProcessState.ExitCode(), out.String()
}

func TestRootLeavesAnotherUsersStateAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not tested: only root can give a directory to another user")
	}
	dir, err := os.MkdirTemp("", "dg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, uid := range map[string]int{dir: 0, state: somebody} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "datagravity.yaml"), []byte("agent: {location: \"onprem:lab1\", state: "+state+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, said := asUser(t, 0, dir, "jobs", "list")
	if code != exitAuth || !strings.Contains(said, "sudo -u #64321") {
		t.Errorf("root: exit code %d\n%s", code, said)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) != 0 {
		t.Errorf("root left %v, %v", left, err)
	}
	if code, said := asUser(t, somebody+1, dir, "jobs", "list"); code != exitAuth || !strings.Contains(said, "belongs to #64321") {
		t.Errorf("another user: exit code %d\n%s", code, said)
	}
	if code, said := asUser(t, somebody, dir, "jobs", "list"); code != 0 || !strings.Contains(said, "no jobs") {
		t.Errorf("its user: exit code %d\n%s", code, said)
	}
}

func TestOwnErrorsAreNotExplained(t *testing.T) {
	for _, own := range []error{fs.ErrPermission, fs.ErrExist} {
		if err := explainOwner(t.TempDir(), own); err.Error() != own.Error() {
			t.Errorf("got %v", err)
		}
	}
	if err := checkOwner(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("got %v", err)
	}
}
