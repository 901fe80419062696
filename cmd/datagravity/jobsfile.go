package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// specError is a mistake in a file of job specs; it counts as one in the configuration.
type specError struct{ error }

// Unwrap gives the cause.
func (e specError) Unwrap() error { return e.error }

// standAlone writes the terms of a selection out, so that they mean the same to the process that keeps the jobs, which has another environment and
// other files. Names of files are relative to dir.
func standAlone(terms []string, dir string) ([]string, error) {
	s, err := selector.Parse(terms, selector.Options{
		Env: os.LookupEnv,
		ReadFile: func(name string, most int64) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			return readAtMost(name, most)
		},
	})
	if err != nil {
		return nil, err
	}
	return s.Terms(), nil
}

func readAtMost(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return b, err
}

// specFile is what a file of job specs says.
type specFile struct {
	name   string // as it was given, "-" for standard input
	origin string // what its jobs are known by; "" for standard input
	jobs   []spec.Job
	wrong  error // what of it is wrong; the others are good all the same
}

// readSpecs reads a file of job specs, or standard input.
func (g *globals) readSpecs(name string) (f specFile, err error) {
	f.name = name
	in, dir, shown := g.in, "", "standard input"
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return f, usageError{err}
		}
		defer func() { _ = file.Close() }() // it was only read
		path, err := filepath.Abs(name)
		if err != nil {
			return f, err
		}
		in, dir, shown, f.origin = file, filepath.Dir(path), name, "file "+path
	}
	list, wrong := spec.Parse(shown, in)
	errs := []error{wrong}
	for _, j := range list {
		terms, err := standAlone(j.Shards, dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: job %s: %w", shown, j.ID, err))
			continue
		}
		j.Shards = terms
		f.jobs = append(f.jobs, j)
	}
	if wrong := errors.Join(errs...); wrong != nil {
		f.wrong = specError{wrong}
	}
	return f, nil
}

func newJobsApply(g *globals) *cobra.Command {
	var prune bool
	c := &cobra.Command{
		Use: "apply FILE...", Short: "Declare the jobs of files of job specs, or of standard input (-)",
		Long: `Registers every job of the files, or changes it; the same again changes nothing. What is wrong in a file is told with its line, the other jobs
are registered all the same, and the exit code is 78.

With --prune, jobs that an apply of the same file registered before and that it no longer has are taken back, unless something in it is wrong:
a file that is half written must not take back what its other half says.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runJobsApply(c.Context(), g, args, prune) },
	}
	c.Flags().BoolVar(&prune, "prune", false, "take back the jobs of the file that it no longer has")
	return c
}

// applyJSON is what jobs apply prints with --json.
type applyJSON struct {
	Jobs    []dispatch.Status `json:"jobs"`
	Removed []string          `json:"removed"`
	Errors  []string          `json:"errors"`
}

func runJobsApply(ctx context.Context, g *globals, names []string, prune bool) error {
	if prune && slices.Contains(names, "-") {
		return usageError{errors.New("--prune: standard input has no name to know its jobs by; write them to a file")}
	}
	var files []specFile
	for _, name := range names {
		f, err := g.readSpecs(name)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	out := applyJSON{Removed: []string{}, Errors: []string{}}
	var errs []error
	err := withJobs(ctx, g, func(all dispatch.Jobs) error {
		for _, f := range files {
			list, removed, err := apply(ctx, all, f, prune)
			out.Jobs, out.Removed = append(out.Jobs, list...), append(out.Removed, removed...)
			errs = append(errs, f.wrong, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			out.Errors = append(out.Errors, err.Error())
		}
	}
	if err = errors.Join(errs...); g.json {
		out.Jobs = documented(out.Jobs)
		return sayingToo(g, g.printJSON(out), err)
	}
	if printed := g.printRegistered(out.Jobs); printed != nil {
		return errors.Join(printed, err)
	}
	for _, id := range out.Removed {
		_, _ = fmt.Fprintf(g.out, "removed %s\n", id)
	}
	return err
}

// apply registers the jobs of one file, and takes back those that it had.
func apply(ctx context.Context, all dispatch.Jobs, f specFile, prune bool) (list []dispatch.Status, removed []string, err error) {
	if len(f.jobs) > 0 {
		if list, err = all.Add(ctx, f.origin, f.jobs); err != nil {
			if exitCode(ctx, err) == exitUsage { // what would be wrong on a command line is wrong in the file here
				err = specError{err}
			}
			return list, nil, err
		}
	}
	if prune = prune && f.wrong == nil; !prune {
		return list, nil, nil
	}
	has := map[string]bool{}
	for _, j := range f.jobs {
		has[j.ID] = true
	}
	known, err := all.List(ctx)
	if err != nil {
		return list, nil, err
	}
	for _, s := range known {
		if s.Origin == f.origin && !has[s.ID] {
			removed = append(removed, s.ID)
		}
	}
	if len(removed) == 0 {
		return list, nil, nil
	}
	slices.Sort(removed)
	return list, removed, all.Remove(ctx, removed)
}

func newJobsCheck(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE...", Short: "Say what is wrong in files of job specs; nothing is registered",
		Long: `Reads the files as jobs apply does and compares the names in them with the configuration. It asks nobody, neither the manifest nor a store, and
exits with 78 if something is wrong.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runJobsCheck(g, args, time.Now()) },
	}
}

// checkJSON is what jobs check prints with --json, for each file.
type checkJSON struct {
	File   string   `json:"file"`
	Jobs   []string `json:"jobs"` // the good ones
	Errors []string `json:"errors"`
}

func runJobsCheck(g *globals, names []string, now time.Time) (err error) {
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	known := spec.Known{Datasets: keys(a.cfg.Datasets), Destinations: keys(a.cfg.Destinations), Teams: a.cfg.TeamNames()}
	docs := []checkJSON{}
	var errs []error
	for _, name := range names {
		f, err := g.readSpecs(name)
		if err != nil {
			return err
		}
		doc := checkJSON{File: name, Jobs: []string{}, Errors: []string{}}
		wrong := []error{f.wrong}
		for _, j := range f.jobs {
			if bad := errors.Join(known.Check(j), j.Check(now)); bad != nil {
				wrong = append(wrong, specError{bad})
				continue
			}
			doc.Jobs = append(doc.Jobs, j.ID)
		}
		for _, err := range wrong {
			if err != nil {
				doc.Errors = append(doc.Errors, err.Error())
			}
		}
		docs, errs = append(docs, doc), append(errs, wrong...)
	}
	verdict := errors.Join(errs...)
	if g.json {
		return sayingToo(g, g.printJSON(docs), verdict)
	}
	for _, d := range docs {
		if len(d.Errors) > 0 {
			continue
		}
		if _, err := fmt.Fprintf(g.out, "%s: %d jobs, nothing is wrong\n", d.File, len(d.Jobs)); err != nil {
			return err
		}
	}
	return verdict
}
