// Command vulncheck looks for known vulnerabilities that the program can reach, with govulncheck, and fails for each that nobody has looked at:
//
//	go run ./internal/vulncheck [-db pinned|URL] [-accepted FILE] PACKAGE...
//
// The database is the public one where it can be reached. Elsewhere it is the newest copy of it that [databaseVersion] names, which is a module.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"github.com/datagravity/datagravity/internal/emulator"
)

func main() {
	db := flag.String("db", "", "the database: a URL, or pinned (default: the public one if it answers, else pinned)")
	accepted := flag.String("accepted", "packaging/vulncheck.txt", "`file` of findings that were looked at")
	flag.Parse()
	failed, err := run(context.Background(), os.Stdout, *db, *accepted, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// run scans and reports; failed: there is a finding that is not accepted.
func run(ctx context.Context, out io.Writer, db, acceptedPath string, packages []string) (failed bool, err error) {
	if len(packages) == 0 {
		packages = []string{"./cmd/..."}
	}
	f, err := os.Open(acceptedPath)
	if err != nil {
		return false, err
	}
	accepted, err := readAccepted(acceptedPath, f)
	_ = f.Close() // it was read
	if err != nil {
		return false, err
	}
	url, name, err := database(ctx, db)
	if err != nil {
		return false, err
	}
	fmt.Fprintln(out, "database:", name)
	program, err := emulator.Program(ctx, emulator.ToolVulncheck)
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-format", "json", "-db", url}, packages...)...)
	cmd.Stderr = os.Stderr
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	found, err := readFindings(stream)
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		return false, fmt.Errorf("govulncheck: %w", err)
	}
	return report(out, found, accepted), nil
}

// report writes what was found, and tells whether any of it was not looked at.
func report(out io.Writer, found map[string]*finding, accepted map[string]string) (failed bool) {
	var news, known int
	for _, id := range sorted(found) {
		f := found[id]
		if !f.called {
			continue
		}
		reason, ok := accepted[id]
		if ok {
			known++
			fmt.Fprintf(out, "accepted  %s  %s: %s\n", id, f.summary, reason)
			continue
		}
		news++
		fmt.Fprintf(out, "FOUND     %s  %s\n          in %s, %s\n          reached by %s\n          https://pkg.go.dev/vuln/%s\n",
			id, f.summary, f.where(), f.remedy(), f.trace, id)
	}
	for _, id := range sorted(accepted) {
		if f := found[id]; f == nil || !f.called {
			fmt.Fprintf(out, "gone      %s  is accepted and was not found\n", id)
		}
	}
	fmt.Fprintf(out, "%d found, %d accepted\n", news, known)
	return news > 0
}

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
