package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
)

// root is the type that stands for the whole file.
const root = "Config"

const intro = `<!-- Written by go run ./pkg/config/internal/gendoc from pkg/config/types.go; change that file, not this one. -->

# Configuration

One YAML file. datagravity looks for it at ` + "`--config FILE`" + `, else ` + "`./datagravity.yaml`" + `, else
` + "`$XDG_CONFIG_HOME/datagravity/datagravity.yaml`" + ` (by default in ` + "`~/.config`" + `), else ` + "`/etc/datagravity/datagravity.yaml`" + `.
` + "`datagravity init`" + ` writes the example at the end of this page.

The file is refused as a whole, with exit code 78, while anything in it is wrong: an unknown field, a wrong type, a name
that is not configured. Each mistake is one line, ` + "`file:line:column: field: message`" + `.

Relative paths are relative to the file's folder. Neither ` + "`~`" + ` nor ` + "`${VARIABLES}`" + ` are expanded. The file holds no secrets:
credentials come from each cloud's own default chain (environment, workload identity, instance metadata, profile files),
and a value that looks like one is refused.

Names of stores, datasets and destinations have up to 63 letters, digits, dots, dashes and underscores.
`

// writer collects the document while it follows the types from the root down.
type writer struct {
	bytes.Buffer
	types map[string]*ast.TypeSpec
	docs  map[string]string
}

func (w *writer) printf(format string, a ...any) { w.WriteString(fmt.Sprintf(format, a...)) }

// render turns the source of types.go into the document; example goes at its end.
func render(source, example []byte) ([]byte, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	w := &writer{types: map[string]*ast.TypeSpec{}, docs: map[string]string{}}
	var scalars []string
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			name := t.Name.Name
			w.types[name], w.docs[name] = t, oneLine(g.Doc)
			if w.docs[name] == "" {
				return nil, fmt.Errorf("type %s has no comment to document it with", name)
			}
			if _, ok := t.Type.(*ast.StructType); !ok {
				scalars = append(scalars, name)
			}
		}
	}
	if w.types[root] == nil {
		return nil, fmt.Errorf("there is no type %s", root)
	}
	w.WriteString(intro)
	w.WriteString("\n## Values\n\n")
	for _, name := range scalars {
		w.printf("- **%s**: %s\n", strings.ToLower(name), strings.TrimPrefix(w.docs[name], name+" is "))
	}
	w.WriteString("- **location**: `provider:region`, where the provider is azure, aws, gcp or onprem.\n")
	if err := w.section("", root); err != nil {
		return nil, err
	}
	w.printf("\n## Example\n\n```yaml\n%s```\n", example)
	return w.Bytes(), nil
}

// section writes the fields of a struct that stands at a place in the file, then those of the structs in them.
func (w *writer) section(at, name string) error {
	s, ok := w.types[name].Type.(*ast.StructType)
	if !ok {
		return fmt.Errorf("%s is no struct", name)
	}
	if at == "" {
		w.WriteString("\n## The file\n\n")
	} else {
		w.printf("\n## %s\n\n%s\n\n", at, w.docs[name])
	}
	w.WriteString("| field | value | |\n| --- | --- | --- |\n")
	type sub struct{ at, name string }
	var subs []sub
	for _, f := range s.Fields.List {
		tag := reflect.StructTag("")
		if f.Tag != nil {
			text, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				return err
			}
			tag = reflect.StructTag(text)
		}
		key := tag.Get("yaml")
		if key == "-" {
			continue
		}
		comment := escape(oneLine(f.Doc))
		if key == "" || comment == "" {
			return fmt.Errorf("%s.%s has no yaml tag or no comment", name, f.Names[0].Name)
		}
		v, err := w.valueOf(f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", name, f.Names[0].Name, err)
		}
		if tag.Get("required") != "" {
			comment = "**Required.** " + comment
		}
		w.printf("| `%s` | %s | %s |\n", key, v.words, comment)
		if v.nested != "" {
			subs = append(subs, sub{strings.TrimPrefix(at+"."+key+v.suffix, "."), v.nested})
		}
	}
	for _, s := range subs {
		if err := w.section(s.at, s.name); err != nil {
			return err
		}
	}
	return nil
}

// value is how a field's value is written.
type value struct {
	words  string
	suffix string // of the place of what is nested: ".NAME" or "[]"
	nested string // the struct in it, "" if there is none
}

func (w *writer) valueOf(t ast.Expr) (value, error) {
	switch t := t.(type) {
	case *ast.Ident:
		return w.named(t.Name)
	case *ast.SelectorExpr:
		return value{words: strings.ToLower(t.Sel.Name)}, nil
	case *ast.StarExpr:
		return w.valueOf(t.X)
	case *ast.ArrayType:
		v, err := w.valueOf(t.Elt)
		return value{"list of " + v.words, "[]" + v.suffix, v.nested}, err
	case *ast.MapType:
		v, err := w.valueOf(t.Value)
		return value{v.words + " by name", ".NAME" + v.suffix, v.nested}, err
	}
	return value{}, fmt.Errorf("no words for a %T", t)
}

func (w *writer) named(name string) (value, error) {
	switch name {
	case "string":
		return value{words: "text"}, nil
	case "int":
		return value{words: "whole number"}, nil
	case "bool":
		return value{words: "true or false"}, nil
	}
	t, ok := w.types[name]
	if !ok {
		return value{}, fmt.Errorf("unknown type %s", name)
	}
	if _, ok := t.Type.(*ast.StructType); ok {
		return value{words: "fields", nested: name}, nil
	}
	return value{words: strings.ToLower(name)}, nil
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// escape keeps a comment in its cell, and what a renderer would take for markup as it is.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;").Replace(s)
}
