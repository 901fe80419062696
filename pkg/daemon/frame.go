package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// CommandRequest asks the holder to run a command of its own command line.
type CommandRequest struct {
	// Args are the command line without the program's name.
	Args []string `json:"args"`
	// Version of who asks. Another version could know other flags, and answer in another form.
	Version string `json:"version"`
	// ConfigSHA256 is the SHA-256 of the configuration's text in hex, and State the state directory: who asks means these.
	ConfigSHA256 string `json:"config_sha256"`
	State        string `json:"state"`
}

// Frame is a piece of what a command says, in its order. The last one has the exit code; without it the answer is not whole.
type Frame struct {
	// Out and Err are bytes of standard output and standard error.
	Out  []byte `json:"out,omitempty"`
	Err  []byte `json:"err,omitempty"`
	Exit *int   `json:"exit,omitempty"`
}

const (
	framesMedia = "application/x-ndjson"
	// frameBytes is the most that one frame carries.
	frameBytes = 32 << 10
)

var frameType = reflect.TypeFor[Frame]()

// frames writes frames. Standard output and standard error share it.
type frames struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func newFrames(w io.Writer) *frames { return &frames{enc: json.NewEncoder(w)} }

func (f *frames) write(one Frame) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.enc.Encode(one)
}

// stream is standard output or standard error of a command.
type stream struct {
	frames *frames
	frame  func(p []byte) Frame
}

func (s stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), frameBytes)]
		if err := s.frames.write(s.frame(piece)); err != nil {
			return n, err
		}
		n, p = n+len(piece), p[len(piece):]
	}
	return n, nil
}

func (f *frames) out() io.Writer { return stream{f, func(p []byte) Frame { return Frame{Out: p} }} }
func (f *frames) err() io.Writer { return stream{f, func(p []byte) Frame { return Frame{Err: p} }} }

// ErrGone: the holder went away before its answer was whole.
var ErrGone = errors.New("the process that holds the manifest went away before it had answered; try again")

// copyFrames writes what frames carry and returns the exit code. begun says whether anything was written.
func copyFrames(r io.Reader, out, errs io.Writer) (exit int, begun bool, err error) {
	d := json.NewDecoder(r)
	for {
		var one Frame
		if err := d.Decode(&one); err != nil {
			return 0, begun, fmt.Errorf("%w (%w)", ErrGone, err)
		}
		for _, piece := range []struct {
			w io.Writer
			b []byte
		}{{out, one.Out}, {errs, one.Err}} {
			if len(piece.b) == 0 {
				continue
			}
			begun = true
			if _, err := piece.w.Write(piece.b); err != nil {
				return 0, begun, err
			}
		}
		if one.Exit != nil {
			return *one.Exit, begun, nil
		}
	}
}
