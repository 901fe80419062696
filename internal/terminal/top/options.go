package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Source is a process that says how things stand.
type Source interface {
	Overview(ctx context.Context) (observe.Overview, error)
	Speeds(ctx context.Context) ([]observe.Speeds, error)
	Show(ctx context.Context, id string, shards bool) (dispatch.Detail, error)
	Budget(ctx context.Context, name string) (observe.BudgetDetail, error)
}

// Options of [Run].
type Options struct {
	// Dial asks who answers; it is asked again after nobody did.
	Dial func(ctx context.Context) (Source, error)
	// Pause pauses a link, or lets it go on; nil: that cannot be done from here.
	Pause func(link string, pause bool) error
	// First is what to show before anybody answers; nil: nothing.
	First *observe.Overview
	// Every is how long to wait between two questions; 0 is a second.
	Every time.Duration
	// Colours of the terminal; with [terminal.OnAny] it is asked whether it is dark or light.
	Colours terminal.Colours
	ASCII   bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	In  io.Reader
	Out io.Writer
}

// framesPerSecond are enough for what changes once a second, and for keys.
const framesPerSecond = 20

// The least that the screen can be shown on.
const (
	leastWidth  = 60
	leastHeight = 15
)

// Run shows the screen until the user leaves it, or ctx is done; neither is an error.
func Run(ctx context.Context, o Options) error {
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithFPS(framesPerSecond),
		tea.WithoutSignalHandler(), // ctx ends with the signals, and the handler of the program would race with it
	}
	if o.Colours == terminal.NoColours {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(newModel(ctx, o), options...).Run()
	if ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the screen ended: %w; datagravity status --watch tells the same in lines", err)
	}
	return nil
}
