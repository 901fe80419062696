package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/dispatch"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

type resolveFlags struct {
	jobPlace
	format       string
	includeIndex bool
	evenIf       bool
	shardsFile   string
}

func newResolve(g *globals) *cobra.Command {
	var o resolveFlags
	c := &cobra.Command{
		Use: "resolve --job ID [--to DEST | --from DEST] --format FORMAT", Short: "Print what training code needs to read a job's shards",
		Long: `  urls         a URL on a line for each shard
  paths        the same as paths in the file system, where the destination is a directory
  wds          one line for WebDataset: numbered runs as prefix{0000..0511}.tar, several of them with :: between them
  mds          a folder on a line for each MDS index: what StreamingDataset takes as remote
  env          NAME='value' lines for a shell to evaluate
  task-prolog  export NAME=value lines, as Slurm reads them from a TaskProlog
  json         the whole answer

Fails with 75 unless everything is there and proven.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.id, err = jobID(o.id, os.LookupEnv); err != nil {
				return err
			}
			return runResolve(c.Context(), g, o)
		},
	}
	addJobPlace(c, &o.jobPlace)
	c.Flags().StringVar(&o.format, "format", "", "urls, paths, wds, mds, env, task-prolog or json")
	c.Flags().BoolVar(&o.includeIndex, "include-index", false, "index files too, not only what holds samples")
	c.Flags().BoolVar(&o.evenIf, "even-if-not-ready", false, "print what it will be, though some of it is not there yet")
	c.Flags().StringVar(&o.shardsFile, "shards-file", "", "with env and task-prolog: also write the list of shards to this `file`")
	return c
}

// addJobPlace gives a command the flags that say which job is meant, and where.
func addJobPlace(c *cobra.Command, p *jobPlace) {
	c.Flags().StringVar(&p.id, "job", "", "`id` of the job (default: that of the Slurm job that this runs in, else DATAGRAVITY_JOB)")
	c.Flags().StringVar(&p.to, "to", "", "one of the job's destinations (default: all, or the only one)")
	c.Flags().StringVar(&p.from, "from", "", "destination whose receipt answers, without the process that keeps the jobs")
}

// formats print a handout. files are those that were asked for.
var formats = map[string]func(g *globals, h dispatch.Handout, files []dispatch.HandoutShard, shardsFile string) error{
	"urls": func(g *globals, h dispatch.Handout, files []dispatch.HandoutShard, _ string) error {
		return g.printLines(names(h.URL, files))
	},
	"paths": func(g *globals, h dispatch.Handout, files []dispatch.HandoutShard, _ string) error {
		if h.Path == "" {
			return usageError{fmt.Errorf("--format paths: %s is no directory; take urls", h.Destination)}
		}
		return g.printLines(names(h.Path, files))
	},
	"wds": func(g *globals, h dispatch.Handout, files []dispatch.HandoutShard, _ string) error {
		all, err := names(root(h), files)
		if err != nil {
			return err
		}
		text, err := webDataset(all)
		return g.printLines([]string{text}, err)
	},
	"mds": func(g *globals, h dispatch.Handout, _ []dispatch.HandoutShard, _ string) error {
		return g.printLines(mdsFolders(h))
	},
	"env": func(g *globals, h dispatch.Handout, _ []dispatch.HandoutShard, shardsFile string) error {
		var lines []string
		for _, v := range variables(h, shardsFile) {
			lines = append(lines, v.name+"="+shellQuoted(v.value))
		}
		return g.printLines(lines, nil)
	},
	"task-prolog": func(g *globals, h dispatch.Handout, _ []dispatch.HandoutShard, shardsFile string) error {
		return g.printLines(taskProlog(variables(h, shardsFile)))
	},
	"json": func(g *globals, h dispatch.Handout, files []dispatch.HandoutShard, _ string) error {
		h.Shards = append([]dispatch.HandoutShard{}, files...)
		return g.printJSON(h)
	},
}

func runResolve(ctx context.Context, g *globals, o resolveFlags) error {
	if err := o.validate(); err != nil {
		return err
	}
	if g.json && o.format == "" {
		o.format = "json"
	}
	print, ok := formats[o.format]
	switch {
	case o.format == "":
		return usageError{fmt.Errorf("--format is missing: want one of %s", list(keys(formats)))}
	case !ok:
		return usageError{fmt.Errorf("--format %q: want one of %s", o.format, list(keys(formats)))}
	case g.json && o.format != "json":
		return usageError{fmt.Errorf("--json: --format %s prints no JSON; take --format json", o.format)}
	case o.shardsFile != "" && o.format != "env" && o.format != "task-prolog":
		return usageError{errors.New("--shards-file: only --format env and task-prolog name the file that was written")}
	case o.evenIf && o.from != "":
		return usageError{errors.New("--even-if-not-ready: before a job is ready its destination has no receipt; leave out --from")}
	}
	h, err := o.handout(ctx, g)
	if o.evenIf && errors.Is(err, dgsync.ErrNotReady) {
		if h, err = o.unreadyHandout(ctx, g); err == nil {
			_, _ = fmt.Fprintf(g.err, "not ready: some of this is not at %s yet\n", h.Destination)
		}
	}
	if err != nil {
		return err
	}
	files := h.Shards
	if !o.includeIndex && o.format != "json" {
		files = withoutIndex(files)
	}
	shardsFile := ""
	if o.shardsFile != "" {
		lines, err := names(root(h), files)
		if err == nil {
			shardsFile, err = writeShardsFile(o.shardsFile, lines)
		}
		if err != nil {
			return err
		}
	}
	return print(g, h, files, shardsFile)
}

// root is what paths are under for a program on this machine: a folder of its file system, or else a URL.
func root(h dispatch.Handout) string {
	if h.Path != "" {
		return h.Path
	}
	return h.URL
}

func withoutIndex(all []dispatch.HandoutShard) (list []dispatch.HandoutShard) {
	for _, sh := range all {
		if !sh.Index {
			list = append(list, sh)
		}
	}
	return list
}

// names are the files under a folder, for lists with one on a line.
func names(folder string, files []dispatch.HandoutShard) (list []string, err error) {
	for _, sh := range files {
		if strings.ContainsAny(sh.Path, "\r\n\x00") {
			return nil, fmt.Errorf("%q has a line break in its name and fits no list with one name on a line; take --format json", sh.Path)
		}
		list = append(list, under(folder, sh.Path))
	}
	return list, nil
}

// printLines writes one text a line.
func (g *globals) printLines(lines []string, err error) error {
	if err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(g.out, l); err != nil {
			return err
		}
	}
	return nil
}

// webDataset writes names as WebDataset reads them: shards.split("::"), then braces expanded in each.
func webDataset(names []string) (string, error) {
	for _, n := range names {
		if strings.ContainsAny(n, "{}$") || strings.Contains(n, "::") {
			return "", fmt.Errorf("%q has characters that WebDataset takes for notation ({ } $ ::); take --format urls and give it a list", n)
		}
	}
	return strings.Join(foldRuns(names), "::"), nil
}

// foldRuns writes names that differ by a number alone, which grows by one, as one with braces. Both ends have as many digits as the names: braces
// count so.
func foldRuns(names []string) (out []string) {
	for len(names) > 0 {
		n, text := firstRun(names)
		out, names = append(out, text), names[n:]
	}
	return out
}

// firstRun is the longest run that the names begin with: how many, and how it is written.
func firstRun(names []string) (n int, text string) {
	if len(names) == 1 {
		return 1, names[0]
	}
	before, digits, after, ok := numberBetween(names[0], names[1])
	if !ok {
		return 1, names[0]
	}
	first, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 1, names[0]
	}
	last := digits
	for n = 1; n < len(names); n++ {
		next := fmt.Sprintf("%0*d", len(digits), first+uint64(n))
		if len(next) != len(digits) || names[n] != before+next+after {
			break
		}
		last = next
	}
	if n == 1 {
		return 1, names[0]
	}
	return n, before + "{" + digits + ".." + last + "}" + after
}

// numberBetween splits a around the number in which b differs from it.
func numberBetween(a, b string) (before, digits, after string, ok bool) {
	if len(a) != len(b) {
		return "", "", "", false
	}
	from, to := 0, len(a)
	for from < to && a[from] == b[from] {
		from++
	}
	for to > from && a[to-1] == b[to-1] {
		to--
	}
	digit := func(i int) bool { return a[i] >= '0' && a[i] <= '9' }
	for from > 0 && digit(from-1) {
		from--
	}
	for to < len(a) && digit(to) {
		to++
	}
	return a[:from], a[from:to], a[to:], from < to && strings.Trim(a[from:to], "0123456789") == ""
}

// mdsFolders are the folders whose index.json are selected.
func mdsFolders(h dispatch.Handout) (list []string, err error) {
	for _, sh := range h.Shards {
		if path.Base(sh.Path) == "index.json" {
			list = append(list, strings.TrimSuffix(under(root(h), strings.TrimPrefix(path.Dir(sh.Path), ".")), "/"))
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the job selects no index.json, without which MDS finds no shards; select with mds:DIR")
	}
	return list, nil
}

// shellQuoted is a word for a POSIX shell.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// taskProlog are lines as slurmstepd reads them from a TaskProlog: all up to the line's end is the value, and nothing is quoted.
func taskProlog(list []variable) (lines []string, err error) {
	for _, v := range list {
		if strings.ContainsAny(v.value, "\r\n\x00") {
			return nil, fmt.Errorf("%s is %q: a TaskProlog cannot give a value with a line break", v.name, v.value)
		}
		lines = append(lines, "export "+v.name+"="+v.value)
	}
	return lines, nil
}
