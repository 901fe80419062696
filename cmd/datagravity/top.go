package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/top"
)

func newTop(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "top", Short: "Follow jobs, transfers, links, budgets, data and problems on a terminal", Args: cobra.NoArgs,
		Long: `Shows what whoever holds the manifest says, and looks again once a second. Keys: 1 to 7 choose a list, enter tells all about a row, / filters, s
sorts, space pauses a link or lets it go on, ? tells all keys, q leaves. What runs goes on, whatever happens here. When nobody answers any more the last
picture stays and says so, until somebody answers again.

It wants a terminal of 60x15 or more; elsewhere it ends with 2, and status --watch or status --json tell the same. NO_COLOR is obeyed.`,
		RunE: func(c *cobra.Command, _ []string) error { return runTop(c.Context(), g) },
	}
}

// errNoTerminal: nothing can be followed here.
var errNoTerminal = errors.New("top wants a terminal to draw on and to be told keys by; datagravity status --watch tells the same in lines, and status --json for programs")

func runTop(ctx context.Context, g *globals) (err error) {
	in, okIn := g.in.(*os.File)
	out, okOut := g.out.(*os.File)
	colours := terminal.Environment(os.LookupEnv)
	if !okIn || !okOut || !isTerminal(in) || !isTerminal(out) || colours == terminal.NoEscapes {
		return usageError{errNoTerminal}
	}
	if g.json {
		return usageError{errors.New("top draws for people; datagravity status --json tells programs")}
	}
	dial := g.remote
	if !g.isRemote() {
		a, err := g.load()
		if err != nil {
			return err
		}
		defer closing(a, &err)
		dial = a.holderOf
	}
	o := top.Options{
		In: in, Out: out, Colours: colours, ASCII: !terminal.UTF8(os.LookupEnv),
		Dial: func(ctx context.Context) (top.Source, error) { return dial(ctx) },
		Pause: func(link string, pause bool) error {
			_, err := setPause(ctx, g, link, pause)
			return err
		},
	}
	if first, err := (&looks{g: g}).look(ctx); err == nil {
		o.First = &first
	} else if !mayPass(err) || ctx.Err() != nil {
		return ended(ctx, err)
	}
	return top.Run(ctx, o)
}
