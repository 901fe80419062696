package lazyre

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A wrong expression would be noticed by the first user of whatever needs it.
func TestEveryExpressionOfTheProgramIsValid(t *testing.T) {
	found := 0
	for _, dir := range []string{"cmd", "internal", "pkg"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, text := range expressions(file) {
				found++
				if _, err := regexp.Compile(text); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 25 {
		t.Errorf("found %d expressions; does New have another name?", found)
	}
}

// expressions are the literals that a file hands to New. One that is put together (of constants) is left to the tests of
// its package.
func expressions(file *ast.File) (found []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "New" {
			return true
		}
		if of, ok := sel.X.(*ast.Ident); !ok || of.Name != "lazyre" {
			return true
		}
		if lit, ok := call.Args[0].(*ast.BasicLit); ok {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

func TestPatternIsARegexp(t *testing.T) {
	const text = `^(a+)-([0-9]+)$`
	p, re := New(text), regexp.MustCompile(text)
	for _, s := range []string{"", "a-1", "aaa-42", "b-1"} {
		if p.MatchString(s) != re.MatchString(s) || p.FindString(s) != re.FindString(s) ||
			strings.Join(p.FindStringSubmatch(s), "|") != strings.Join(re.FindStringSubmatch(s), "|") ||
			p.ReplaceAllString(s, "$2$1") != re.ReplaceAllString(s, "$2$1") ||
			p.ReplaceAllStringFunc(s, strings.ToUpper) != re.ReplaceAllStringFunc(s, strings.ToUpper) {
			t.Errorf("%q: the pattern and the regular expression differ", s)
		}
	}
}
