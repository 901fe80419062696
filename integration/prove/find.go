package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Test runs trials of a kind. One kind may have several.
type Test struct {
	Kind string `json:"kind"`
	// Package is its folder below the module's root, with slashes, as in ./integration/crash.
	Package string `json:"package"`
	// Name of the function.
	Name string `json:"test"`
}

// found is a test, with what `make test` runs of it: 0 if it is not written down as a number.
type found struct {
	Test
	share int
}

func (t Test) native() bool { return strings.HasPrefix(t.Name, "Fuzz") }

// replay is the command that runs one seed again.
func (t Test) replay(seed uint64) string {
	return fmt.Sprintf("PROOF_FROM=%d PROOF_RUNS=1 go test -count 1 -run '^%s$' %s", seed, t.Name, t.Package)
}

// find reads all tests below a module's root and returns those that call proof.Run or proof.RunTogether, and the native fuzz targets. So no list of tests can be out of date.
func find(root string) (out []found, err error) {
	for _, top := range []string{"cmd", "internal", "pkg", "integration"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
				return nil
			}
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			tests, err := findIn(path, "./"+filepath.ToSlash(dir))
			out = append(out, tests...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.Package+" "+a.Name, b.Package+" "+b.Name) })
	return out, nil
}

func findIn(path, pkg string) (out []found, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Body == nil {
			continue
		}
		if strings.HasPrefix(f.Name.Name, "Fuzz") && file.Name.Name != "main" {
			out = append(out, found{Test: Test{Kind: Fuzz, Package: pkg, Name: f.Name.Name}})
			continue
		}
		var bad error
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isRun(call) {
				return true
			}
			kind, ok := text(call.Args[1])
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				bad = fmt.Errorf("%s: %s calls proof.Run, but not from a test and with a kind in quotes, so that make proof cannot run it", path, f.Name.Name)
				return false
			}
			out = append(out, found{Test{Kind: kind, Package: pkg, Name: f.Name.Name}, number(call.Args[2])})
			return true
		})
		if bad != nil {
			return nil, bad
		}
	}
	return out, nil
}

func isRun(call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Run" && s.Sel.Name != "RunTogether" || len(call.Args) != 4 {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "proof"
}

func text(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}

// number of a literal, 0 for anything else.
func number(e ast.Expr) int {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.INT {
		return 0
	}
	n, err := strconv.ParseInt(b.Value, 0, 32)
	if err != nil {
		return 0
	}
	return int(n)
}
