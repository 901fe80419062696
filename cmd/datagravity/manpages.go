//go:build manpages

// Built with this tag, the command writes its manual pages and its completions, and nothing else:
//
//	go run -tags=disable_grpc_modules,manpages ./cmd/datagravity DIR VERSION SECONDS
//
// in the module's folder; SECONDS is the time of the commit, since 1970.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/manpage"
)

func main() {
	if err := writeManual(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

func writeManual(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want DIR VERSION SECONDS, not %q", args)
	}
	seconds, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	dir, root := args[0], newRoot(&globals{})
	root.InitDefaultCompletionCmd()
	book := manpage.Book{Version: args[1], Date: time.Unix(seconds, 0), Section: func(c *cobra.Command) string {
		if c.Name() == "daemon" {
			return "8"
		}
		return "1"
	}}
	service, err := os.ReadFile("packaging/man/daemon.md")
	if err != nil {
		return err
	}
	configuration, err := os.ReadFile("docs/config.md")
	if err != nil {
		return err
	}
	for _, c := range manpage.Commands(root) {
		more := ""
		if c.Name() == "daemon" {
			more = string(service)
		}
		if err := writePage(dir, manpage.Name(c), book.SectionOf(c), book.Command(c, more)); err != nil {
			return err
		}
	}
	page := book.Document("datagravity.yaml", "5", "configuration of datagravity", string(configuration))
	if err := writePage(dir, "datagravity.yaml", "5", page); err != nil {
		return err
	}
	return writeCompletions(filepath.Join(dir, "completions"), root)
}

// writePage compresses a page, without the name and the time that gzip can keep of a file.
func writePage(dir, name, section string, page []byte) error {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(page); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "man", "man"+section, name+"."+section+".gz"), out.Bytes())
}

func writeCompletions(dir string, root *cobra.Command) error {
	for name, generate := range map[string]func(io.Writer) error{
		"datagravity.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_datagravity":     root.GenZshCompletion,
		"datagravity.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var out bytes.Buffer
		if err := generate(&out); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, name), out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
