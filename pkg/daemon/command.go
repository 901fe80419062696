package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
)

// begin says whether a command is run, and returns what runs it and sends what it says as it says it.
func (s *Server) begin(q CommandRequest) (func(w http.ResponseWriter, r *http.Request), error) {
	if s.o.Command == nil {
		return nil, ErrRefused
	}
	run, err := s.o.Command(q)
	if err != nil {
		return nil, err
	}
	answer, err := newSpool()
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) { s.command(w, r, q, run, answer) }, nil
}

// command runs a command and sends what it says as it says it.
func (s *Server) command(w http.ResponseWriter, r *http.Request, q CommandRequest, run func(context.Context, io.Writer, io.Writer) int, answer *spool) {
	// The request's context ends when the caller goes away, which it is for as long as the command runs.
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer answer.end()
		f := newFrames(answer)
		exit := s.runs(ctx, f, run)
		_ = f.write(Frame{Exit: &exit}) // without it the answer is not whole, and the caller says so
	}()
	w.Header().Set("Content-Type", framesMedia)
	if err := send(w, answer); err != nil {
		s.o.Log.Debug("who asked for a command went away", "command", q.Args, "error", err)
	}
	cancel()
	<-ended // the command reads the manifest, which closes after the last handler
	if err := answer.Close(); err != nil {
		s.o.Log.Warn("a file with an answer could not be closed", "error", err)
	}
}

// runs a command. What it dies of is its own failure, not that of the transfers beside it.
func (s *Server) runs(ctx context.Context, f *frames, run func(context.Context, io.Writer, io.Writer) int) (exit int) {
	defer func() {
		if v := recover(); v != nil {
			s.o.Log.Error("a command for another process failed; this is a mistake in datagravity, please report it", "panic", v, "stack", string(debug.Stack()))
			_, _ = fmt.Fprintln(f.err(), "datagravity: the command failed in the process that holds the manifest; its log says where")
			exit = 1
		}
	}()
	return run(ctx, f.out(), f.err())
}

// send copies each piece as soon as it is there.
func send(w http.ResponseWriter, r io.Reader) error {
	flush := http.NewResponseController(w)
	buf := make([]byte, 2*frameBytes)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := flush.Flush(); err != nil {
				return err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
