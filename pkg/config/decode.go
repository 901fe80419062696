package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decode fills c from the tree and reports every value of the wrong kind, unknown, repeated and missing field. A tree of
// our own is walked, not yaml.Unmarshal used, because that stops at the first mistake and loses where the values stood.
func (d *document) decode(c *Config) {
	if d.root != nil {
		d.place(nil, d.root, true)
	}
	d.value(d.root, reflect.ValueOf(c).Elem(), nil)
}

// value decodes one node; null is an empty one.
func (d *document) value(n ast.Node, v reflect.Value, f field) {
	if n != nil {
		if n = d.resolve(n, f); n == nil {
			return
		}
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text, ok := scalar(n); !ok {
			d.fail(f, "want one value, not %s", kindOf(n))
		} else if err := u.UnmarshalText([]byte(text)); err != nil {
			d.fail(f, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), f)
	case reflect.Struct:
		d.structure(n, v, f)
	case reflect.Map:
		d.mapping(n, v, f)
	case reflect.Slice:
		d.list(n, v, f)
	default:
		d.plain(n, v, f)
	}
}

func (d *document) plain(n ast.Node, v reflect.Value, f field) {
	text, ok := scalar(n)
	switch v.Kind() {
	case reflect.String:
		switch n.(type) {
		case *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			d.fail(f, "want text, not %s; if %s is meant, put it in quotes", kindOf(n), text)
			return
		}
		if !ok {
			d.fail(f, "want text, not %s", kindOf(n))
			return
		}
		d.text(text, f)
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.fail(f, "want true or false, not %s", kindOf(n))
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		i, err := strconv.ParseInt(text, 10, 64)
		if _, whole := n.(*ast.IntegerNode); !whole || err != nil || i > math.MaxInt32 {
			d.fail(f, "want a whole number, not %s", kindOf(n))
			return
		}
		v.SetInt(i)
	default:
		panic("config: no decoding for " + v.Type().String()) // a new kind of field in types.go
	}
}

var variablePattern = regexp.MustCompile(`\$\{\w+\}`)

// text refuses what other programs would expand, and we would take as it is.
func (d *document) text(s string, f field) {
	switch {
	case variablePattern.MatchString(s):
		d.fail(f, "%s: variables are not expanded in this file; write the value itself", variablePattern.FindString(s))
	case strings.ContainsAny(s, "\x00\r\n"):
		d.fail(f, "has a line break or a NUL byte")
	}
}

func (d *document) list(n ast.Node, v reflect.Value, f field) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(f, "want a list, not %s; write [item, item], or each item on a line of its own after a dash", kindOf(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		d.place(f.index(i), item, true)
		d.entry(item, v.Index(i), f.index(i))
	}
}

func (d *document) mapping(n ast.Node, v reflect.Value, f field) {
	pairs, ok := d.pairs(n, f)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range pairs {
		item := reflect.New(v.Type().Elem()).Elem()
		d.entry(p.value, item, f.child(p.name))
		v.SetMapIndex(reflect.ValueOf(p.name), item)
	}
}

// entry decodes what a list or a map holds, where null is a value that was forgotten, or a struct without fields.
func (d *document) entry(n ast.Node, v reflect.Value, f field) {
	if isNull(n) && v.Kind() != reflect.Struct {
		d.fail(f, "the value is missing")
		return
	}
	if isNull(n) {
		n = nil
	}
	d.value(n, v, f)
}

func (d *document) structure(n ast.Node, v reflect.Value, f field) {
	var pairs []pair
	if n != nil && !isNull(n) {
		var ok bool
		if pairs, ok = d.pairs(n, f); !ok {
			return
		}
	}
	fields, known := fieldsOf(v.Type())
	for _, p := range pairs {
		i, ok := fields[p.name]
		if !ok {
			d.fail(f.child(p.name), "unknown field%s (valid: %s)", didYouMean(p.name, known), strings.Join(known, ", "))
			continue
		}
		if !isNull(p.value) {
			d.value(p.value, v.Field(i), f.child(p.name))
		}
	}
	for _, name := range known {
		t, at := v.Type().Field(fields[name]), f.child(name)
		value := v.Field(fields[name])
		switch {
		case nested(t.Type) && !d.isSet(at):
			d.structure(nil, value, at) // what it requires is missing too
		case t.Tag.Get("required") == "":
		case !d.isSet(at):
			d.fail(at, "is missing; it is required")
		case d.ok(at) && t.Type.Kind() != reflect.Int64 && value.IsZero(): // a number can be 0 on purpose
			d.fail(at, "is empty; it is required")
		}
	}
}

// nested tells a struct of fields from one that is written as text.
func nested(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fieldsOf lists a struct's fields by their names in the file, and those names in order.
func fieldsOf(t reflect.Type) (index map[string]int, known []string) {
	index = map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "-" {
			index[name] = i
			known = append(known, name)
		}
	}
	return index, known
}

// pair is one "name: value" of a mapping.
type pair struct {
	name  string
	value ast.Node
}

// pairs returns the pairs of a mapping, the first of each name, and records where they stand.
func (d *document) pairs(n ast.Node, f field) ([]pair, bool) {
	var nodes []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	default:
		d.fail(f, "want fields (name: value), not %s", kindOf(n))
		return nil, false
	}
	var out []pair
	first := map[string]int{}
	for _, node := range nodes {
		line, column := position(node.Key)
		at := func(name, format string, a ...any) {
			d.errs = append(d.errs, &Error{
				Path: d.path, Line: line, Column: column, Field: f.child(name).String(), Message: fmt.Sprintf(format, a...),
			})
		}
		name, ok := scalar(node.Key)
		switch {
		case node.Key.IsMergeKey():
			at("<<", "merging with << is not understood; write the fields out")
			continue
		case !ok:
			at(node.Key.GetToken().Value, "a name must be plain text")
			continue
		case first[name] > 0:
			at(name, "is there twice; the first is on line %d", first[name])
			continue
		}
		first[name] = line
		// A mapping or a forgotten value begins on a later line or nowhere; its name is what a reader looks for.
		where := node.Value
		if _, ok := scalar(where); !ok {
			where = node.Key
		}
		d.place(f.child(name), where, !isNull(node.Value))
		out = append(out, pair{name, node.Value})
	}
	return out, true
}

func isNull(n ast.Node) bool {
	if n == nil {
		return true
	}
	_, null := n.(*ast.NullNode)
	return null
}

// kindOf names the kind of a node in messages.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.BoolNode:
		return "a boolean (" + n.GetToken().Value + ")"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := scalar(n)
		return fmt.Sprintf("the text %.40q", text)
	}
	return "this"
}
