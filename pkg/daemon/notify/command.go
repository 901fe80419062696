package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// killGrace is how long the end of a killed program may take to be seen, when others still have its output open.
	killGrace = 2 * time.Second
	// mostOutput of a program is kept, to say why it failed.
	mostOutput = 4 << 10
)

// inherited are the variables that a command gets of this process. Others may be credentials of stores.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// command runs a program.
type command struct {
	run     []string
	timeout time.Duration
}

// NewCommand makes a sender that runs a program for each message.
func NewCommand(run []string, timeout time.Duration) Sender { return &command{run, timeout} }

// Where is the program.
func (c *command) Where() string { return c.run[0] }

// Send runs the program. Only exit code 0 takes the message.
func (c *command) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	p := exec.CommandContext(ctx, c.run[0], c.run[1:]...)
	out := &tail{}
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(m.Body), out, out
	p.Env = []string{"DATAGRAVITY_EVENT=" + m.Event, "DATAGRAVITY_EVENT_ID=" + m.ID}
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			p.Env = append(p.Env, name+"="+v)
		}
	}
	p.WaitDelay = killGrace
	inGroup(p) // what it starts ends with it
	err := p.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s took longer than %s and was killed%s", c.run[0], c.timeout, out.words())
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it ended well; something that it started did not
	case err != nil:
		return fmt.Errorf("%s: %w%s", c.run[0], err, out.words())
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if len(t.kept) > mostOutput {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-mostOutput:]...)
	}
	return len(b), nil
}

func (t *tail) words() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "?"))
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; it said %q", short(text))
}
