package yamldoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// MaxJSONBytes bounds a JSON file. Its reader takes time and memory in proportion to the file, unlike that of YAML.
const MaxJSONBytes = 16 << 20

// BytesOf is the bound on a file of records by its name: [MaxJSONBytes] for .json and .jsonl, else [MaxBytes].
func BytesOf(path string) int {
	if ext := filepath.Ext(path); ext == ".json" || ext == ".jsonl" {
		return MaxJSONBytes
	}
	return MaxBytes
}

// Form says how a file of records is written.
type Form struct {
	// Noun for one record: "job".
	Noun string
	// List is the name under which a file has several: "jobs".
	List string
}

// Records reads a file that holds one record, a list of them, or several documents of either, and gives them in order. In a file
// .jsonl each line is a record, in .json there is JSON, anything else is YAML. Beside the records come mistakes that are in none of
// them, each an *[Error] or [Errors] in place of a document: after one in YAML or .json nothing follows that depends on it, of
// .jsonl the other lines do. A record that has a secret is such a mistake.
//
// Records of a JSON file are built one at a time: the tree of a large file as a whole would take a hundred times its size.
func Records(path string, data []byte, f Form) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		r := &records{path: path, form: f, yield: yield}
		ext := filepath.Ext(path)
		switch {
		case ext == ".json" || ext == ".jsonl":
			if len(data) > MaxJSONBytes {
				yield(nil, &Error{Path: path, Message: "larger than 16MiB; split it"})
			} else if !utf8.Valid(data) {
				yield(nil, &Error{Path: path, Message: "is not UTF-8 text; save it as UTF-8"})
			} else if ext == ".jsonl" {
				r.lines(data)
			} else {
				r.json(data)
			}
		default:
			r.yaml(data)
		}
	}
}

type records struct {
	path  string
	form  Form
	yield func(*Document, error) bool
}

func (r *records) yaml(data []byte) {
	docs, err := parse(r.path, data, "file of "+r.form.List)
	if err != nil {
		r.yield(nil, err)
		return
	}
	var secrets Errors
	for _, d := range docs {
		secrets = append(secrets, d.errs...)
	}
	if err := secrets.Err(); err != nil {
		r.yield(nil, err)
		return
	}
	for _, d := range docs {
		d.entries = docs[0].entries // of all together
		if !r.document(d) {
			return
		}
	}
}

// document gives the records of one YAML document.
func (r *records) document(d *Document) bool {
	root := d.root
	if a, ok := root.(*ast.AnchorNode); ok {
		root = a.Value
	}
	var nodes []*ast.MappingValueNode
	switch n := root.(type) {
	case *ast.SequenceNode:
		return r.yield(nil, r.bareList(position(n)))
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	}
	if !slices.ContainsFunc(nodes, func(n *ast.MappingValueNode) bool { name, ok := scalar(n.Key); return ok && name == r.form.List }) {
		return r.yield(d, nil)
	}
	pairs, _ := d.pairs(root, nil)
	var list *ast.SequenceNode
	for _, p := range pairs {
		at := Field{p.name}
		if p.name != r.form.List {
			d.Fail(at, "%s", r.beside())
			continue
		}
		n := d.resolve(p.value, at)
		var ok bool
		if list, ok = n.(*ast.SequenceNode); n != nil && !ok {
			d.Fail(at, "want a list, not %s", kindOf(n))
		}
	}
	if err := d.Err(); err != nil && !r.yield(nil, err) {
		return false
	}
	if list == nil {
		return true
	}
	for i, n := range list.Values {
		one := newDocument(r.path)
		one.base, one.root, one.anchors, one.entries = Field{r.form.List}.Index(i), n, d.anchors, d.entries
		if !r.yield(one, nil) {
			return false
		}
	}
	return true
}

func (r *records) beside() string {
	return "stands beside " + r.form.List + "; a document has either the fields of one " + r.form.Noun + ", or " + r.form.List + " alone"
}

func (r *records) bareList(line, column int) error {
	return &Error{Path: r.path, Line: line, Column: column, Message: "a list without a name; put it under " + r.form.List}
}

// record gives a record that was built.
func (r *records) record(n ast.Node, base Field) bool {
	d := newDocument(r.path)
	d.base, d.root = base, n
	d.survey(n, nil)
	if err := d.Err(); err != nil {
		return r.yield(nil, err)
	}
	return r.yield(d, nil)
}

// lines reads JSON lines. What is wrong in one says nothing about the others.
func (r *records) lines(data []byte) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimRight(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		in := newJSONReader(r.path, line, number)
		n, err := in.value()
		if err == nil {
			if _, at, more := in.next(); !errors.Is(more, io.EOF) {
				err = in.fail(at, "JSON: one value a line; this is a second one")
			}
		}
		if err != nil {
			if !r.yield(nil, err) {
				return
			}
		} else if !r.record(n, nil) {
			return
		}
	}
}

// json reads JSON values, one or more.
func (r *records) json(data []byte) {
	in := newJSONReader(r.path, data, 1)
	for {
		in.nodes = 0
		tok, at, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err == nil && tok == json.Delim('['):
			err = r.bareList(at.line, at.column)
		case err == nil && tok == json.Delim('{'):
			var ended bool
			if ended, err = r.object(in, at); ended {
				return
			}
		case err == nil:
			var n ast.Node
			if n, err = in.node(tok, at, 0); err == nil && !r.record(n, nil) {
				return
			}
		}
		if err != nil {
			r.yield(nil, err)
			return
		}
	}
}

// object reads the fields of an object at the top of a file: one record, or records under the list's name. ended tells that no more
// are wanted.
func (r *records) object(in *jsonReader, at cursor) (ended bool, err error) {
	n := ast.Mapping(newToken("{", at), true)
	lists := 0
	stream := func(name string, key cursor, tok json.Token) (bool, error) {
		if name != r.form.List {
			return false, nil
		}
		lists++
		if lists > 1 || tok != json.Delim('[') {
			return false, nil // judged below
		}
		i := 0
		return true, in.list(0, func(item ast.Node) bool {
			base := Field{r.form.List}.Index(i)
			i++
			in.nodes = 0
			ended = !r.record(item, base)
			return !ended
		})
	}
	err = in.pairs(0, func(p *ast.MappingValueNode) { n.Values = append(n.Values, p) }, stream)
	if err != nil || ended {
		return ended, err
	}
	if lists == 0 {
		return !r.record(n, nil), nil
	}
	// Beside a list that was streamed there must be nothing.
	d := newDocument(r.path)
	if d.survey(n, nil); len(d.errs) > 0 {
		return !r.yield(nil, d.Err()), nil
	}
	for _, p := range n.Values {
		name, _ := scalar(p.Key)
		at := Field{name}
		d.place(at, placeOf(p), true)
		switch {
		case name == r.form.List && lists > 1:
			d.Fail(at, "is there twice")
		case name == r.form.List:
			d.Fail(at, "want a list, not %s", kindOf(p.Value))
		default:
			d.Fail(at, "%s", r.beside())
		}
	}
	if err := d.Err(); err != nil {
		return !r.yield(nil, err), nil
	}
	return false, nil
}
