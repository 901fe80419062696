package main

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// length is a flag that says how long, in the words of the configuration: 90s, 10m, 24h, 30d. None is below 0.
type length time.Duration

var _ pflag.Value = (*length)(nil)

// lengthVar adds such a flag. A default below 0 stands for one that is found out later, and --help shows none.
func lengthVar(f *pflag.FlagSet, to *time.Duration, name string, standard time.Duration, usage string) {
	*to = standard
	f.Var((*length)(to), name, usage)
}

// Set reads what was given.
func (l *length) Set(s string) error {
	d, err := spec.ParseDuration(s)
	if err != nil {
		return err
	}
	if d < 0 {
		return errors.New("want a length of time that is not negative")
	}
	*l = length(d)
	return nil
}

func (l *length) String() string {
	if *l <= 0 {
		return ""
	}
	return spec.FormatDuration(time.Duration(*l))
}

// Type is what --help calls the value.
func (l *length) Type() string { return "duration" }
