package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// execve replaces this process. Tests put another in its place.
var execve = syscall.Exec

type execFlags struct {
	jobPlace
	waitFlags
	shardsFile   string
	includeIndex bool
}

func newExec(g *globals) *cobra.Command {
	var o execFlags
	c := &cobra.Command{
		Use: "exec --job ID [--to DEST | --from DEST] -- COMMAND [ARGUMENTS]", Short: "Wait until a job is ready, then become the command that reads it",
		Long: `Waits as wait does, puts where the data is into the environment, and replaces itself with the command: signals, exit code and standard input are
the command's. Nothing is run unless everything is there and proven.

  DATAGRAVITY_JOB, _DATASET, _DESTINATION, _SNAPSHOT   what it is
  DATAGRAVITY_URL           the folder that it is in: s3://bucket/prefix/
  DATAGRAVITY_PATH          the same in the file system, where the destination is a directory
  DATAGRAVITY_SHARDS_FILE   a file with a URL on a line for each shard, or a path where there is one

A command that does not exist is found out before waiting: 127; one that cannot be executed: 126.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.id, err = jobID(o.id, os.LookupEnv); err != nil {
				return err
			}
			return runExec(c.Context(), g, o, args)
		},
	}
	c.Flags().SetInterspersed(false) // what follows the command is the command's
	addJobPlace(c, &o.jobPlace)
	o.waitFlags.add(c)
	lengthVar(c.Flags(), &o.maxAge, "max-age", asConfigured, "list the destination if objects were not seen for this long")
	c.Flags().StringVar(&o.shardsFile, "shards-file", "", "write the list of shards to this `file` (default: a new one in $TMPDIR)")
	c.Flags().BoolVar(&o.includeIndex, "include-index", false, "list index files too, not only what holds samples")
	return c
}

func runExec(ctx context.Context, g *globals, o execFlags, command []string) error {
	if err := errors.Join(o.jobPlace.validate(), o.waitFlags.validate()); err != nil {
		return err
	}
	program, err := lookUp(command[0])
	if err != nil {
		return err
	}
	view, err := newWaitView(g)
	if err != nil {
		return err
	}
	is, err := o.until(ctx, o.question(g), view)
	if err == nil {
		err = is.verdict
	}
	if err != nil {
		return err
	}
	h, err := o.handout(ctx, g)
	if err != nil {
		return err
	}
	files := h.Shards
	if !o.includeIndex {
		files = withoutIndex(files)
	}
	lines, err := names(root(h), files)
	if err != nil {
		return err
	}
	file, err := writeShardsFile(o.shardsFile, lines)
	if err != nil {
		return err
	}
	if err = ctx.Err(); err != nil {
		err = ended(ctx, err)
	} else if err = execve(program, command, runEnvironment(os.Environ(), variables(h, file))); err != nil {
		err = cannotRun(command[0], err)
	}
	if err != nil { // nobody will read it
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// runEnvironment is what a command gets: what there is, without the variables of another job, and its own.
func runEnvironment(has []string, own []variable) []string {
	env := slices.DeleteFunc(slices.Clone(has), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(handoutVariables, name)
	})
	for _, v := range own {
		env = append(env, v.name+"="+v.value)
	}
	return env
}

// lookUp finds a program as a shell does.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", cannotRun(name, err)
	}
	return path, nil
}

// cannotRun gives the exit codes of shells and env(1).
func cannotRun(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &codedError{exitNotFound, fmt.Errorf("%s: no such command", name)}
	}
	return &codedError{exitNotExecutable, fmt.Errorf("%s cannot be executed: %w", name, err)}
}
