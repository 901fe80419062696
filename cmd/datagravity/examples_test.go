package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/datagravity/datagravity/pkg/jobs/slurm"
)

const examples = "../../examples"

// checkCommand tells what is wrong with a command line of ours: its commands, flags and number of arguments. Nothing is run.
func checkCommand(args []string) error {
	root := newRoot(&globals{})
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if c == root {
		return errors.New("no command")
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// shellWords are the words of the simple command that a text begins with, as a shell splits it, up to an operator, a comment or the end of the line.
// What is not known before it runs, a variable or another command's output, is a word as any other.
func shellWords(text string) (words []string) {
	var word strings.Builder
	begun := false
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '\\' && strings.HasPrefix(text[i:], "\\\n"):
			i++
		case ch == '\'' || ch == '"':
			n := strings.IndexByte(text[i+1:], ch)
			if n < 0 {
				return words // a text in another language, whose quotes are not ours
			}
			word.WriteString(text[i+1 : i+1+n])
			begun, i = true, i+1+n
		case ch == ' ' || ch == '\t':
			end()
		case strings.IndexByte("\n;&|<>)`", ch) >= 0 || ch == '#' && !begun:
			end()
			return words
		default:
			word.WriteByte(ch)
			begun = true
		}
	}
	end()
	return words
}

// ours finds where a shell, a unit or a crontab runs us.
var ours = regexp.MustCompile(`(?m)(?:^|[\s(=\x60])(?:/usr/bin/)?datagravity (jobs|stage|ready|wait|exec|resolve|place|plan|sync|need|daemon|snapshot|pin|budget)\b`)

// commandsIn are our command lines in a text: one that is only named in a sentence, without any argument, is none.
func commandsIn(text string) (list [][]string) {
	for _, at := range ours.FindAllStringSubmatchIndex(text, -1) {
		if line := text[strings.LastIndexByte(text[:at[2]], '\n')+1 : at[2]]; strings.Contains(line, "#") || strings.Contains(line, "\"\"\"") {
			continue
		}
		list = append(list, shellWords(text[at[2]:]))
	}
	return list
}

// Every command line of ours in an example is one that this program takes.
func TestExamplesNameRealCommands(t *testing.T) {
	found := map[string]int{}
	check := func(t *testing.T, name string, args []string) {
		t.Helper()
		found[name]++
		if err := checkCommand(args); err != nil {
			t.Errorf("datagravity %s: %v", strings.Join(args, " "), err)
		}
	}
	err := filepath.WalkDir(examples, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(examples, path)
		t.Run(name, func(t *testing.T) {
			switch filepath.Ext(name) {
			case ".md":
			case ".yaml":
				for _, args := range commandsInYAML(t, b) {
					check(t, name, args)
				}
			case ".py":
				for _, args := range commandsInPython(t, string(b)) {
					check(t, name, args)
				}
			default:
				for _, args := range commandsIn(string(b)) {
					check(t, name, args)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A pattern that finds nothing would prove nothing.
	for name, want := range map[string]int{
		"shell/train.sh": 2, "shell/after.sh": 3, "slurm/train.sbatch": 1, "airflow/train.py": 3, "argo/train.yaml": 3, "ray/train.py": 3, "systemd/train.service": 3,
		"cron/train.cron": 2, "kubernetes/train.yaml": 2,
	} {
		if found[name] != want {
			t.Errorf("%s: %d commands were found, want %d", name, found[name], want)
		}
	}
}

// The documents show command lines, too.
func TestDocsShowRealCommands(t *testing.T) {
	b, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	list := commandsIn(string(b))
	for _, args := range list {
		if err := checkCommand(args); err != nil {
			t.Errorf("datagravity %s: %v", strings.Join(args, " "), err)
		}
	}
	if len(list) < 10 {
		t.Errorf("%d commands were found", len(list))
	}
}

// commandsInYAML are lists of arguments that begin with our name, and lines for a shell.
func commandsInYAML(t *testing.T, b []byte) (list [][]string) {
	t.Helper()
	f, err := parser.ParseBytes(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range f.Docs {
		ast.Walk(visitor(func(n ast.Node) {
			switch n := n.(type) {
			case *ast.SequenceNode:
				var words []string
				if yaml.NodeToValue(n, &words) == nil && len(words) > 0 && words[0] == "datagravity" {
					list = append(list, words[1:])
				}
			case *ast.StringNode:
				if n.Value != "datagravity" {
					list = append(list, commandsIn(n.Value)...)
				}
			}
		}), doc.Body)
	}
	return list
}

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor { v(n); return v }

var pythonList = regexp.MustCompile(`\["datagravity",([^\]]*)\]`)

// commandsInPython are lists of arguments, lines for a shell in texts, and those of the comment at the top. The program must also be one.
func commandsInPython(t *testing.T, text string) (list [][]string) {
	t.Helper()
	for _, m := range pythonList.FindAllStringSubmatch(text, -1) {
		var words []string
		for _, w := range strings.Split(m[1], ",") {
			words = append(words, strings.Trim(w, ` "`))
		}
		list = append(list, words)
	}
	for line := range strings.Lines(text) {
		if at := ours.FindStringSubmatchIndex(strings.ReplaceAll(line, `"`, " ")); at != nil {
			list = append(list, shellWords(strings.TrimRight(strings.ReplaceAll(line[at[2]:], `"`, " "), ", \n")))
		}
	}
	if python, err := exec.LookPath("python3"); err == nil {
		c := exec.Command(python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("no Python program: %s", out)
		}
	}
	return list
}

// What the Slurm example declares is read as Slurm's plugin reads it.
func TestSlurmExampleDeclares(t *testing.T) {
	f, err := os.Open(filepath.Join(examples, "slurm/train.sbatch"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, found, err := slurm.Directives(f)
	if err != nil || !found || d.Dataset != "c4" || !slices.Equal(d.To, []string{"aws"}) || len(d.Shards) != 1 {
		t.Errorf("%+v, %v, %v", d, found, err)
	}
}

// A flag of a job that specFields forgets would be taken and do nothing.
func TestEverySpecFlagIsAField(t *testing.T) {
	c := &cobra.Command{}
	addSpecFlags(c)
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if specFields[f.Name] == "" {
			t.Errorf("--%s stands for no field", f.Name)
		}
	})
}

func TestShellWords(t *testing.T) {
	for text, want := range map[string][]string{
		`stage c4 --shards 'a b*' # why`:        {"stage", "c4", "--shards", "a b*"},
		"exec --job \"$job\" \\\n  -- x && y":   {"exec", "--job", "$job", "--", "x"},
		"ready --job j || code=$?":              {"ready", "--job", "j"},
		"resolve --format env > /x":             {"resolve", "--format", "env"},
		`resolve --job "$job" --format wds)" x`: {"resolve", "--job", "$job", "--format", "wds"},
		"a ''":                                  {"a", ""},
	} {
		if got := shellWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, args := range [][]string{{"stage", "--no-such-flag"}, {"stages"}, {"wait", "a", "b"}, {}, {"jobs", "show"}, {"wait", "--timeout", "soon"}} {
		if checkCommand(args) == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
