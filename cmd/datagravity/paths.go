package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pathsNote names the flags of a command that are paths of this machine, for one that another process may run. Its arguments are paths too.
const pathsNote = "paths"

// pathsHere has the paths of a command be whole ones before anybody runs it: who holds the manifest has another working directory.
func pathsHere(c *cobra.Command, flags ...string) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[pathsNote] = strings.Join(flags, ",")
	return c
}

// withWholePaths makes a command's paths whole, and returns a command line that says the same anywhere.
func withWholePaths(c *cobra.Command) (line []string, err error) {
	for _, name := range strings.Split(c.Annotations[pathsNote], ",") {
		f := c.Flags().Lookup(name)
		if f == nil || !f.Changed || f.Value.String() == "" {
			continue
		}
		whole, err := wholePath(f.Value.String())
		if err == nil {
			err = f.Value.Set(whole)
		}
		if err != nil {
			return nil, err
		}
	}
	line = strings.Fields(strings.TrimPrefix(c.CommandPath(), c.Root().Name()))
	c.Flags().Visit(func(f *pflag.Flag) { line = append(line, "--"+f.Name+"="+f.Value.String()) })
	line = append(line, "--")
	for _, arg := range c.Flags().Args() {
		whole, err := wholePath(arg)
		if err != nil {
			return nil, err
		}
		line = append(line, whole)
	}
	return line, nil
}

// wholePath is filepath.Abs that keeps a slash at the end, which says that a folder is meant.
func wholePath(p string) (string, error) {
	whole, err := filepath.Abs(p)
	if err == nil && strings.HasSuffix(p, string(filepath.Separator)) && !strings.HasSuffix(whole, string(filepath.Separator)) {
		whole += string(filepath.Separator)
	}
	return whole, err
}
