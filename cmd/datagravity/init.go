package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
)

func newInit(g *globals) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "init [PATH]", Short: "Write a commented configuration to start from",
		Long: `Writes ` + config.FileName + ` (or PATH, or the file that --config names), readable by its owner alone, and says what to run next.
The example goes from Azure Blob to S3, Google Cloud Storage and a directory; change its names to yours. An existing file is
replaced only with --force.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := g.config
			switch {
			case len(args) == 1 && path != "":
				return usageError{errors.New("PATH and --config both name the file to write; give one")}
			case len(args) == 1:
				path = args[0]
			case path == "":
				path = config.FileName
			}
			return runInit(g, path, force)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "replace an existing file")
	return c
}

func runInit(g *globals, path string, force bool) error {
	if err := writeConfig(path, config.Example(), force); err != nil {
		return err
	}
	next := nextCommands(path)
	if g.json {
		return g.printJSON(map[string]any{"path": path, "next": next})
	}
	_, err := fmt.Fprintf(g.out, "wrote %s; change its stores, datasets and destinations to yours, then run\n", path)
	for _, c := range next {
		if err == nil {
			_, err = fmt.Fprintf(g.out, "  %s\n", c)
		}
	}
	return err
}

// nextCommands are those that lead from a configuration to a price; none of them moves a shard.
func nextCommands(path string) []string {
	flag := ""
	if filepath.Clean(path) != config.FileName {
		flag = fmt.Sprintf(" --config %s", path)
	}
	return []string{
		"datagravity doctor" + flag,
		"datagravity index c4" + flag,
		"datagravity plan c4 --to aws" + flag,
	}
}

// writeConfig never replaces a file unasked, and leaves no half of one.
func writeConfig(path string, text []byte, force bool) error {
	if force {
		return replaceConfig(path, text)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists; datagravity init --force replaces it, datagravity init PATH writes another file", path)
	}
	if err != nil {
		return err
	}
	return written(f, text)
}

func replaceConfig(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".datagravity-*.yaml") // with mode 0600
	if err != nil {
		return err
	}
	if err := written(f, text); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// written fills and closes a new file, or removes it.
func written(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
