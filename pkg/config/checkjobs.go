package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// The defaults of jobs.
const (
	// DefaultMaxAge is how old what was seen at a destination may be for ready, where nothing else is said.
	DefaultMaxAge = Duration(10 * time.Minute)

	defaultPoll      = Duration(10 * time.Second)
	defaultKeep      = Duration(24 * time.Hour)
	defaultSlurmPoll = Duration(30 * time.Second)
	defaultSqueue    = "squeue"
	defaultScontrol  = "scontrol"
)

const (
	mostPoll      = Duration(24 * time.Hour)
	leastPoll     = Duration(time.Second)
	leastSlurm    = Duration(5 * time.Second)
	mostKeep      = Duration(spec.MostDuration) // as a spec's own
	anyPartition  = "*"
	mostSocketLen = 100
)

func (d *document) fillInJobs(j *Jobs, dir string) {
	f := field{"jobs"}
	d.absolute(f.Child("folder"), &j.Folder, dir)
	fill(d, f.Child("poll"), &j.Poll, defaultPoll)
	fill(d, f.Child("max_age"), &j.MaxAge, DefaultMaxAge)
	fill(d, f.Child("keep"), &j.Keep, defaultKeep)

	s, at := &j.Slurm, f.Child("slurm")
	fill(d, at.Child("poll"), &s.Poll, defaultSlurmPoll)
	fill(d, at.Child("squeue"), &s.Squeue, defaultSqueue)
	fill(d, at.Child("scontrol"), &s.Scontrol, defaultScontrol)
	for name, program := range map[string]*string{"squeue": &s.Squeue, "scontrol": &s.Scontrol} {
		if strings.ContainsAny(*program, "/~") { // a name alone is looked for in $PATH
			d.absolute(at.Child(name), program, dir)
		}
	}
}

// socketPath finds the socket: in the folder that systemd makes for it, in the state directory, or where the file says.
func (d *document) socketPath(a *Agent, f field, dir string) {
	runtime := systemdFolder("RUNTIME_DIRECTORY")
	switch {
	case d.IsSet(f):
	case runtime != "":
		a.Socket = filepath.Join(runtime, "datagravity.sock")
	case a.State != "" && !d.Failed(field{"agent", "state"}):
		a.Socket = filepath.Join(a.State, "api.sock")
	}
	d.absolute(f, &a.Socket, dir)
}

// CheckSocket tells why the path of the socket cannot be one. A path that follows from a long state directory is an error only for
// who opens it, so that commands that need no socket work all the same.
func (a Agent) CheckSocket() error {
	switch {
	case a.Socket == "":
		return errors.New("is empty; write a path, for example /run/datagravity/datagravity.sock, or leave it out")
	case len(a.Socket) > mostSocketLen:
		return fmt.Errorf("%q has %d bytes: want at most %d, because the system's addresses of sockets (sun_path) hold 108 and macOS's 104; choose a shorter folder",
			a.Socket, len(a.Socket), mostSocketLen)
	}
	return nil
}

func (d *document) checkJobs(c *Config) {
	f, slurm := field{"jobs"}, field{"jobs", "slurm"}
	j := c.Jobs
	if d.IsSet(f.Child("folder")) && j.Folder == "" {
		d.Wrong(f.Child("folder"), "is empty; write a path, or leave it out to watch none")
	}
	d.checkBetween(f.Child("poll"), j.Poll, leastPoll, mostPoll)
	d.checkBetween(f.Child("keep"), j.Keep, leastPoll, mostKeep)
	if j.MaxAge <= 0 {
		d.Wrong(f.Child("max_age"), "must be more than 0, for example 10m; ready --max-age 0 looks at everything once")
	}
	d.checkBetween(slurm.Child("poll"), j.Slurm.Poll, leastSlurm, mostPoll)
	if at := slurm.Child("cluster"); d.IsSet(at) {
		d.checkName("cluster", at, j.Slurm.Cluster)
	}
	for name, program := range map[string]string{"squeue": j.Slurm.Squeue, "scontrol": j.Slurm.Scontrol} {
		if program == "" {
			d.Wrong(slurm.Child(name), "is empty; write a path, or leave it out to find %s in $PATH", name)
		}
	}
	for _, partition := range names(j.Slurm.Partitions) {
		at := slurm.Child("partitions").Child(partition)
		if partition == "" || strings.ContainsAny(partition, " ,\t") || partition != anyPartition && strings.Contains(partition, "*") {
			d.Fail(at, "%q cannot be a partition; write the name of one, or * for any other", partition)
			continue
		}
		checkKnown(d, at, "destination", j.Slurm.Partitions[partition], c.Destinations)
	}
}

func (d *document) checkBetween(f field, v, least, most Duration) {
	if v < least || v > most {
		words := func(v Duration) string { return spec.FormatDuration(time.Duration(v)) }
		d.Wrong(f, "%s: want %s to %s", words(v), words(least), words(most))
	}
}

// DestinationOf is the destination of a job in a partition that names none: that of the partition, else that of any; "" if there is
// neither.
func (s Slurm) DestinationOf(partition string) string {
	if to, ok := s.Partitions[partition]; ok {
		return to
	}
	return s.Partitions[anyPartition]
}

// JobNames are the names that job specs can use, for their own check.
func (c *Config) JobNames() spec.Known {
	return spec.Known{Datasets: names(c.Datasets), Destinations: names(c.Destinations), Teams: c.TeamNames()}
}
