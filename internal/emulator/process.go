package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// startTimeout is far above what a server needs: Azurite is up in 1 to 3 s on an idle machine and in 8 s beside two
// compilers, measured on 2 cores.
const startTimeout = 2 * time.Minute

// portAttempts is how often another port is tried when somebody took the chosen one before the server could.
const portAttempts = 3

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	port int
	done chan struct{} // closed after the process was waited for
}

// PID is the server's process id.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Addr is the server's 127.0.0.1:PORT, for a proxy in front of it.
func (p *process) Addr() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// ended tells that the server is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stop kills the server with all it started and waits for its end. Stopping it again is no error.
func (p *process) Stop() error {
	if p.ended() {
		return nil
	}
	// The group, not the process: its leader is ours, so that the number cannot have gone to somebody else before Wait.
	err := syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// start runs the command that build makes for a free port, and returns when it answers HTTP there.
func start(ctx context.Context, name, dir string, build func(port int) *exec.Cmd) (*process, error) {
	logPath := filepath.Join(dir, name+".log")
	var err error
	for range portAttempts {
		var port int
		if port, err = FreePort(); err != nil {
			return nil, err
		}
		var p *process
		if p, err = spawn(build(port), port, logPath); err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		if err = p.ready(ctx); err == nil {
			return p, nil
		}
		_ = p.Stop()
		logged, _ := os.ReadFile(logPath)
		err = fmt.Errorf("%s did not come up: %w; the end of %s:\n%s", name, err, logPath, tail(logged))
		if !bytes.Contains(bytes.ToLower(logged), []byte("address already in use")) {
			break
		}
	}
	return nil, err
}

// spawn starts the command in its own process group with its output in logPath.
func spawn(cmd *exec.Cmd, port int, logPath string) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = sysProcAttr()
	p := &process{cmd: cmd, port: port, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the starting thread ends, not the process: this thread is kept
		// until the server has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ready polls the port until it answers anything at all in HTTP.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer in %s", startTimeout))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr()+"/", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.cmd.ProcessState)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// FreePort asks the kernel for a port that nobody listens on now.
func FreePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// tail is the end of a log that fits an error message.
func tail(log []byte) string {
	const maxBytes = 2000
	log = bytes.TrimSpace(log)
	if len(log) > maxBytes {
		log = log[len(log)-maxBytes:]
		if i := bytes.IndexByte(log, '\n'); i >= 0 {
			log = log[i+1:]
		}
	}
	if len(log) == 0 {
		return "(empty)"
	}
	return string(log)
}
