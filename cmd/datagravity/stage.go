package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/jobs/slurm"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// jobVariable names the job of a process, where no scheduler does.
const jobVariable = "DATAGRAVITY_JOB"

// jobID is the job that is meant: the one that was named, else the one that this process runs in. Slurm's comes first: the variable of ours may be
// inherited from the job that submitted this one.
func jobID(named string, env func(string) (string, bool)) (string, error) {
	if named != "" {
		return named, checkJob(named)
	}
	get := func(name string) string { v, _ := env(name); return v }
	if id := get("SLURM_JOB_ID"); id != "" {
		j := slurm.Job{Cluster: get("SLURM_CLUSTER_NAME")}
		for _, n := range []struct {
			text string
			to   *uint32
		}{{id, &j.ID}, {get("SLURM_ARRAY_JOB_ID"), &j.ArrayJobID}} {
			if n.text == "" {
				continue
			}
			v, err := strconv.ParseUint(n.text, 10, 32)
			if err != nil {
				return "", usageError{fmt.Errorf("SLURM_JOB_ID or SLURM_ARRAY_JOB_ID is %q, which is no number: name the job with --job", n.text)}
			}
			*n.to = uint32(v)
		}
		return slurm.JobName(j), nil
	}
	if id := get(jobVariable); id != "" {
		return id, checkJob(id)
	}
	return "", usageError{errors.New("--job ID is missing, and neither SLURM_JOB_ID nor DATAGRAVITY_JOB is set")}
}

type stageFlags struct{ job, file, script string }

func newStage(g *globals) *cobra.Command {
	var o stageFlags
	c := &cobra.Command{
		Use: "stage DATASET[@SNAPSHOT] --to DEST --job ID | -f FILE | --slurm-script SCRIPT", Short: "Declare what a job needs and return at once: for hooks",
		Long: `Registers a job as jobs add does, from flags; those of a file, as jobs apply does; or what the #BB_LUA datagravity lines of a Slurm job script
declare. It moves nothing and waits for nothing. The same again changes nothing, so that a hook may run as often as it likes.

Without --job the id is slurm-CLUSTER-ID inside a Slurm job (the array's id for its tasks), else what DATAGRAVITY_JOB says.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch given := len(args) + count(o.file != "") + count(o.script != ""); {
			case given != 1:
				return usageError{errors.New("stage takes one of DATASET, -f FILE and --slurm-script SCRIPT")}
			case o.file != "":
				if err := o.alone(c); err != nil {
					return err
				}
				return runJobsApply(c.Context(), g, []string{o.file}, false)
			}
			id, err := jobID(o.job, os.LookupEnv)
			if err != nil {
				return err
			}
			var j spec.Job
			if o.script != "" {
				if err := o.alone(c); err != nil {
					return err
				}
				j, err = scriptJob(o.script, id)
			} else {
				j, err = specOf(c, id, args[0])
			}
			if err != nil {
				return err
			}
			return register(c.Context(), g, j)
		},
	}
	addSpecFlags(c)
	c.Flags().StringVar(&o.job, "job", "", "`id` of the job (default: that of the Slurm job that this runs in, else DATAGRAVITY_JOB)")
	c.Flags().StringVarP(&o.file, "file", "f", "", "`file` of job specs, - for standard input")
	c.Flags().StringVar(&o.script, "slurm-script", "", "job `script` whose #BB_LUA datagravity lines say what it needs")
	return c
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// alone refuses flags that a file or a script would have to override.
func (o stageFlags) alone(c *cobra.Command) error {
	for flag := range specFields {
		if c.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s: what the job needs stands in the file; change it there", flag)}
		}
	}
	if o.file != "" && o.job != "" {
		return usageError{errors.New("--job: the jobs of a file have ids of their own")}
	}
	return nil
}

// scriptJob is the job that a Slurm script declares.
func scriptJob(script, id string) (j spec.Job, err error) {
	f, err := os.Open(script)
	if err != nil {
		return j, usageError{err}
	}
	defer func() { _ = f.Close() }() // it was only read
	d, found, err := slurm.Directives(f)
	if err != nil {
		return j, usageError{fmt.Errorf("%s: %w", script, err)}
	}
	if !found {
		return j, usageError{fmt.Errorf("%s declares nothing: it has no line that begins with #BB_LUA datagravity", script)}
	}
	fields := map[string][]string{"id": {id}, "dataset": {d.Dataset}, "to": d.To, "shards": d.Shards}
	for name, value := range map[string]string{"need_by": d.NeedBy, "team": d.Team, "keep": d.Keep, "on_source_change": d.OnSourceChange} {
		if value != "" {
			fields[name] = []string{value}
		}
	}
	if d.Priority != 0 {
		fields["priority"] = []string{strconv.Itoa(d.Priority)}
	}
	for name, values := range fields {
		if len(values) == 0 {
			delete(fields, name)
		}
	}
	if j, err = checkedSpec(fields); err != nil {
		err = usageError{fmt.Errorf("%s: %w", script, err)}
	}
	return j, err
}
