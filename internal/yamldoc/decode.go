package yamldoc

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// OneOrMore is a list of texts that can be written as one text where there is one.
type OneOrMore []string

// Decode fills v, which points to a struct, from the tree and reports every value of the wrong kind, unknown, repeated and missing
// field. Fields of structs are named by the tag yaml ("-": not in the file); those with the tag required must be there. Types that
// implement [encoding.TextUnmarshaler] read themselves from one value. A tree of our own is walked, not yaml.Unmarshal used, because
// that stops at the first mistake and loses where the values stood.
func (d *Document) Decode(v any) {
	if d.root != nil {
		d.place(nil, d.root, true)
	}
	d.value(d.root, reflect.ValueOf(v).Elem(), nil)
}

// value decodes one node; null is an empty one.
func (d *Document) value(n ast.Node, v reflect.Value, f Field) {
	if n != nil {
		if n = d.resolve(n, f); n == nil {
			return
		}
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text, ok := scalar(n); !ok {
			d.Fail(f, "want one value, not %s", kindOf(n))
		} else if err := u.UnmarshalText([]byte(text)); err != nil {
			d.Fail(f, "%v", err)
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

func (d *Document) plain(n ast.Node, v reflect.Value, f Field) {
	text, ok := scalar(n)
	switch v.Kind() {
	case reflect.String:
		switch n.(type) {
		case *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			d.Fail(f, "want text, not %s; if %s is meant, put it in quotes", kindOf(n), text)
			return
		}
		if !ok {
			d.Fail(f, "want text, not %s", kindOf(n))
			return
		}
		d.text(text, f)
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.Fail(f, "want true or false, not %s", kindOf(n))
			return
		}
		v.SetBool(b.Value)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, 64)
		if _, whole := n.(*ast.IntegerNode); !whole || err != nil || v.Kind() == reflect.Int && i > math.MaxInt32 {
			d.Fail(f, "want a whole number, not %s", kindOf(n))
			return
		}
		v.SetInt(i)
	default:
		panic("yamldoc: no decoding for " + v.Type().String()) // a new kind of field in a struct of ours
	}
}

var variablePattern = lazyre.New(`\$\{\w+\}`)

// text refuses what other programs would expand, and we would take as it is.
func (d *Document) text(s string, f Field) {
	switch {
	case strings.Contains(s, "${") && variablePattern.MatchString(s):
		d.Fail(f, "%s: variables are not expanded in %s; write the value itself", variablePattern.FindString(s), d.holder)
	case strings.ContainsAny(s, "\x00\r\n"):
		d.Fail(f, "has a line break or a NUL byte")
	}
}

func (d *Document) list(n ast.Node, v reflect.Value, f Field) {
	s, ok := n.(*ast.SequenceNode)
	if _, one := scalar(n); one && v.Type() == reflect.TypeFor[OneOrMore]() {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		d.value(n, v.Index(0), f)
		return
	}
	if !ok {
		d.Fail(f, "want a list, not %s; write [item, item], or each item on a line of its own after a dash", kindOf(n))
		return
	}
	if *d.entries -= len(s.Values); *d.entries < 0 {
		d.Fail(f, "with its aliases the file has lists of more than %d entries; write out fewer", maxEntries)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		d.place(f.Index(i), item, true)
		d.entry(item, v.Index(i), f.Index(i))
	}
}

func (d *Document) mapping(n ast.Node, v reflect.Value, f Field) {
	pairs, ok := d.pairs(n, f)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range pairs {
		item := reflect.New(v.Type().Elem()).Elem()
		d.entry(p.value, item, f.Child(p.name))
		v.SetMapIndex(reflect.ValueOf(p.name), item)
	}
}

// entry decodes what a list or a map holds, where null is a value that was forgotten, or a struct without fields.
func (d *Document) entry(n ast.Node, v reflect.Value, f Field) {
	if isNull(n) && v.Kind() != reflect.Struct {
		d.Fail(f, "the value is missing")
		return
	}
	if isNull(n) {
		n = nil
	}
	d.value(n, v, f)
}

func (d *Document) structure(n ast.Node, v reflect.Value, f Field) {
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
			d.Fail(f.Child(p.name), "unknown field%s (valid: %s)", DidYouMean(p.name, known), strings.Join(known, ", "))
			continue
		}
		if !isNull(p.value) {
			d.value(p.value, v.Field(i), f.Child(p.name))
		}
	}
	for _, name := range known {
		t, at := v.Type().Field(fields[name]), f.Child(name)
		value := v.Field(fields[name])
		switch {
		case nested(t.Type) && !d.IsSet(at) && t.Tag.Get("required") == "":
			d.structure(nil, value, at) // what it requires is missing too
		case t.Tag.Get("required") == "":
		case !d.IsSet(at):
			d.Fail(at, "is missing; it is required")
		case d.OK(at) && t.Type.Kind() != reflect.Int64 && value.IsZero(): // a number can be 0 on purpose
			d.Fail(at, "is empty; it is required")
		}
	}
}

// nested tells a struct of fields from one that is written as text.
func nested(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// structs has what fieldsOf found of each type: a file of 10,000 jobs asks 10,000 times.
var structs sync.Map

type structFields struct {
	index map[string]int
	known []string
}

// fieldsOf lists a struct's fields by their names in the file, and those names in order.
func fieldsOf(t reflect.Type) (index map[string]int, known []string) {
	if f, ok := structs.Load(t); ok {
		return f.(structFields).index, f.(structFields).known
	}
	index = map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "-" {
			index[name] = i
			known = append(known, name)
		}
	}
	structs.Store(t, structFields{index, known})
	return index, known
}

// pair is one "name: value" of a mapping.
type pair struct {
	name  string
	value ast.Node
}

// pairs returns the pairs of a mapping, the first of each name, and records where they stand.
func (d *Document) pairs(n ast.Node, f Field) ([]pair, bool) {
	var nodes []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	default:
		d.Fail(f, "want fields (name: value), not %s", kindOf(n))
		return nil, false
	}
	var out []pair
	first := map[string]int{}
	for _, node := range nodes {
		line, column := position(node.Key)
		at := func(name, format string, a ...any) {
			e := d.mistake(f.Child(name), fmt.Sprintf(format, a...))
			e.Line, e.Column = line, column
			d.errs = append(d.errs, e)
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
		d.place(f.Child(name), placeOf(node), !isNull(node.Value))
		out = append(out, pair{name, node.Value})
	}
	return out, true
}

// placeOf is the node where a reader looks for a pair: a mapping or a forgotten value begins on a later line or nowhere, so for
// those it is the name.
func placeOf(p *ast.MappingValueNode) ast.Node {
	if _, ok := scalar(p.Value); ok {
		return p.Value
	}
	return p.Key
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
