package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// field is where a value stands in the file: keys, and indices as "[0]".
type field []string

func (f field) child(name string) field { return append(slices.Clip(f), name) }

func (f field) index(i int) field { return f.child("[" + strconv.Itoa(i) + "]") }

// String is the form of Error.Field.
func (f field) String() string { return strings.ReplaceAll(strings.Join(f, "."), ".[", "[") }

// key tells fields apart whose names have dots.
func (f field) key() string { return strings.Join(f, "\x00") }

func (f field) parent() field { return f[:len(f)-1] }

// mark is what is known of a field beside its value.
type mark struct {
	line, column int
	set          bool // it has a value, and not null
	failed       bool // it was reported; further checks of it would only echo the first
}

// document is the file as it is read: its tree, where each field stands, and the mistakes so far.
type document struct {
	path    string
	root    ast.Node
	marks   map[string]*mark
	anchors map[string]ast.Node
	errs    Errors
}

// newDocument parses the text. Its errors are YAML syntax and values that look like secrets: after either nothing more is
// read, so that no later message repeats a secret.
func newDocument(path string, data []byte) (*document, error) {
	d := &document{path: path, marks: map[string]*mark{}, anchors: map[string]ast.Node{}}
	if !utf8.Valid(data) {
		return nil, &Error{Path: path, Message: "is not UTF-8 text; save it as UTF-8"}
	}
	if err := checkLines(path, data); err != nil {
		return nil, err
	}
	file, err := parseYAML(data)
	if err != nil {
		return nil, d.syntax(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if d.root != nil {
			line, column := position(doc.Body)
			return nil, &Error{Path: path, Line: line, Column: column, Message: "a second YAML document; one file holds one configuration"}
		}
		d.root = doc.Body
	}
	d.survey(d.root, nil)
	return d, d.err()
}

// parseYAML turns a panic of the parser into an error: a daemon must not die of a file that it is told to read.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("not YAML that can be understood")
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if err := checkDepth(tokens); err != nil {
		return nil, err
	}
	// Repeated keys are reported by decode, with the rest.
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// The bounds that keep odd files from hanging a daemon: the YAML library's time grows with the square of a line's length, of
// the number of fields beside each other (50,000 took it 30 s) and of the depth of brackets in each other or dashes on a line
// (20,000 took it 37 s; a configuration has 4). It also recurses, so that a million would overflow the stack, which no recover
// can catch.
const (
	maxLines     = 10_000
	maxLineBytes = 8 << 10
	mostDepth    = 50
)

func checkLines(path string, data []byte) error {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		switch {
		case number > maxLines:
			return &Error{Path: path, Line: number, Column: 1, Message: fmt.Sprintf("more than %d lines; that is not a configuration", maxLines)}
		case len(line) > maxLineBytes:
			return &Error{Path: path, Line: number, Column: 1, Message: fmt.Sprintf("a line of more than %d bytes; break it", maxLineBytes)}
		}
	}
	return nil
}

func checkDepth(tokens token.Tokens) error {
	open, dashes, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, dashes = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType:
			dashes++
		}
		if open > mostDepth || dashes > mostDepth {
			return &yaml.SyntaxError{Message: fmt.Sprintf("nested more than %d deep", mostDepth), Token: tk}
		}
	}
	return nil
}

func (d *document) syntax(err error) *Error {
	out := &Error{Path: d.path}
	var at yaml.Error
	if !errors.As(err, &at) {
		out.Message = err.Error()
	} else {
		out.Message = at.GetMessage() // Error would print the file again, and take seconds for it
		if tk := at.GetToken(); tk != nil && tk.Position != nil {
			out.Line, out.Column = tk.Position.Line, tk.Position.Column
		}
	}
	if looksSecret(out.Message) {
		out.Message = "malformed, at a value that looks like a secret"
	}
	out.Message = "YAML: " + out.Message
	return out
}

// survey finds the anchors and the secrets of a tree.
func (d *document) survey(n ast.Node, at field) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.anchors[n.Name.GetToken().Value] = n.Value
		d.survey(n.Value, at)
	case *ast.TagNode:
		d.survey(n.Value, at)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			d.survey(v, at.index(i))
		}
	case *ast.MappingNode:
		for _, pair := range n.Values {
			d.surveyPair(pair, at)
		}
	case *ast.MappingValueNode:
		d.surveyPair(n, at)
	default:
		if text, ok := scalar(n); ok && looksSecret(text) {
			d.secret(n, at)
		}
	}
}

func (d *document) surveyPair(pair *ast.MappingValueNode, at field) {
	name := pair.Key.GetToken().Value
	if looksSecret(name) {
		d.secret(pair.Key, at)
		return
	}
	d.survey(pair.Value, at.child(name))
}

func (d *document) secret(n ast.Node, at field) {
	line, column := position(n)
	d.errs = append(d.errs, &Error{Path: d.path, Line: line, Column: column, Field: at.String(), Message: secretHint})
}

// resolve follows anchors and aliases to the node that holds the value; nil after reporting why there is none.
func (d *document) resolve(n ast.Node, f field) ast.Node {
	for range 100 { // an alias can name an anchor on itself
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.fail(f, "no anchor &%s for this alias", name)
				return nil
			}
			n = target
		case *ast.TagNode:
			d.fail(f, "YAML tags (%s) are not understood; write the value alone", v.Start.Value)
			return nil
		default:
			return n
		}
	}
	d.fail(f, "this alias leads to itself")
	return nil
}

// place records where a field's value stands.
func (d *document) place(f field, n ast.Node, set bool) {
	line, column := position(n)
	d.marks[f.key()] = &mark{line: line, column: column, set: set}
}

// isSet tells whether the file gives a field a value.
func (d *document) isSet(f field) bool {
	m := d.marks[f.key()]
	return m != nil && m.set
}

// ok tells whether the file gives a field a value that nothing was wrong with so far.
func (d *document) ok(f field) bool { return d.isSet(f) && !d.marks[f.key()].failed }

// fail reports a mistake at a field, or at the nearest one around it that is in the file. A field is reported once.
func (d *document) fail(f field, format string, a ...any) {
	own := d.marks[f.key()]
	if own != nil && own.failed {
		return
	}
	e := &Error{Path: d.path, Field: f.String(), Message: fmt.Sprintf(format, a...)}
	for at := f; ; at = at.parent() {
		if m := d.marks[at.key()]; m != nil {
			e.Line, e.Column = m.line, m.column
			break
		}
		if len(at) == 0 {
			break
		}
	}
	if own == nil {
		own = &mark{line: e.Line, column: e.Column}
		d.marks[f.key()] = own
	}
	own.failed = true
	d.errs = append(d.errs, e)
}

// err is what was found, in the order of the file; nil if all is well.
func (d *document) err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(d.errs) == 1 {
		return d.errs[0]
	}
	return d.errs
}

// scalar returns the text of a plain value as the file has it: 12.50 stays "12.50".
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// position is where a node begins: for a mapping that is its first key, whereas its own token is the first colon.
func position(n ast.Node) (line, column int) {
	var tk *token.Token
	switch v := n.(type) {
	case nil:
		return 0, 0
	case *ast.MappingNode:
		if len(v.Values) > 0 && !v.IsFlowStyle {
			return position(v.Values[0].Key)
		}
		tk = v.GetToken()
	case *ast.MappingValueNode:
		return position(v.Key)
	case *ast.AnchorNode:
		tk = v.Start
	case *ast.AliasNode:
		tk = v.Start
	default:
		tk = n.GetToken()
	}
	if tk == nil || tk.Position == nil {
		return 0, 0
	}
	return tk.Position.Line, tk.Position.Column
}
