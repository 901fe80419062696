package yamldoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The bounds on one record of a JSON file, where a line is no measure: a node of the tree takes some 250 bytes for the one byte that
// a digit takes in the file.
const (
	maxNodes     = 4096
	maxNameBytes = maxLineBytes // of a field; a value may be as long as the file
)

// jsonReader makes trees of JSON text, in which every node has its line and column, as the YAML library's have.
type jsonReader struct {
	path  string
	data  []byte
	dec   *json.Decoder
	at    cursor
	nodes int // of the record so far
}

// cursor is a place in the text. It only moves on, so that the columns of one long line are counted once.
type cursor struct{ offset, line, column int }

func newJSONReader(path string, data []byte, line int) *jsonReader {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // the text as it stands: 1e3 and 1000 are not the same name
	return &jsonReader{path: path, data: data, dec: dec, at: cursor{line: line, column: 1}}
}

// next is the next token and where it begins. The error is io.EOF at the end, otherwise an *[Error].
func (r *jsonReader) next() (json.Token, cursor, error) {
	r.advance()
	tok, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF) && r.at.offset == len(r.data) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.at, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return nil, r.at, r.fail(r.at, "JSON: the text ends within a value")
	case err != nil:
		return nil, r.at, r.fail(r.at, "JSON: %v", err)
	}
	return tok, r.at, nil
}

// advance moves the cursor to where the next token begins.
func (r *jsonReader) advance() {
	to := int(r.dec.InputOffset())
	for to < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[to]) >= 0 {
		to++
	}
	passed := r.data[r.at.offset:to]
	if n := bytes.Count(passed, []byte("\n")); n > 0 {
		r.at.line += n
		r.at.column = 1
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	r.at.column += utf8.RuneCount(passed)
	r.at.offset = to
}

func (r *jsonReader) fail(at cursor, format string, a ...any) *Error {
	return &Error{Path: r.path, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, a...)}
}

// value reads the next value, a record of its own.
func (r *jsonReader) value() (ast.Node, error) {
	r.nodes = 0
	tok, at, err := r.next()
	if err != nil {
		return nil, err
	}
	return r.node(tok, at, 0)
}

// node makes the node that begins with a token.
func (r *jsonReader) node(tok json.Token, at cursor, depth int) (ast.Node, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, r.fail(at, "more than %d values in one record", maxNodes)
	}
	if depth > mostDepth {
		return nil, r.fail(at, "JSON: nested more than %d deep", mostDepth)
	}
	switch v := tok.(type) {
	case string:
		return ast.String(newToken(v, at)), nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return &ast.FloatNode{BaseNode: &ast.BaseNode{}, Token: newToken(v.String(), at)}, nil
		}
		return &ast.IntegerNode{BaseNode: &ast.BaseNode{}, Token: newToken(v.String(), at)}, nil
	case bool:
		return ast.Bool(newToken(fmt.Sprint(v), at)), nil
	case json.Delim:
		if v == '{' {
			m := ast.Mapping(newToken("{", at), true)
			err := r.pairs(depth, func(p *ast.MappingValueNode) { m.Values = append(m.Values, p) }, nil)
			return m, err
		}
		s := ast.Sequence(newToken("[", at), true)
		err := r.list(depth, func(n ast.Node) bool {
			s.Values = append(s.Values, n)
			return true
		})
		return s, err
	}
	return ast.Null(newToken("null", at)), nil
}

// pairs reads an object's fields up to its end. own, if it is given, may read the value of a field itself, whose name and first token
// it is told; it answers whether it did.
func (r *jsonReader) pairs(depth int, add func(*ast.MappingValueNode), own func(name string, at cursor, tok json.Token) (bool, error)) error {
	for {
		tok, at, err := r.inside()
		if err != nil {
			return err
		}
		name, ok := tok.(string) // the decoder takes nothing else for a name
		if !ok {
			return nil
		}
		if len(name) > maxNameBytes {
			return r.fail(at, "a name of more than %d bytes", maxNameBytes)
		}
		key := ast.String(newToken(name, at))
		tok, from, err := r.inside()
		if err != nil {
			return err
		}
		if own != nil {
			if did, err := own(name, at, tok); err != nil {
				return err
			} else if did {
				continue
			}
		}
		n, err := r.node(tok, from, depth+1)
		if err != nil {
			return err
		}
		add(ast.MappingValue(key.Token, key, n))
	}
}

// list reads a list's entries up to its end, or until add does not want more.
func (r *jsonReader) list(depth int, add func(ast.Node) bool) error {
	for {
		tok, at, err := r.inside()
		if err != nil {
			return err
		}
		if tok == json.Delim(']') {
			return nil
		}
		n, err := r.node(tok, at, depth+1)
		if err != nil {
			return err
		}
		if !add(n) {
			return nil
		}
	}
}

// inside is next where the text must not end.
func (r *jsonReader) inside() (json.Token, cursor, error) {
	tok, at, err := r.next()
	if errors.Is(err, io.EOF) {
		err = r.fail(at, "JSON: the text ends within a value")
	}
	return tok, at, err
}

// newToken is a token as the YAML library would have made it. Its own constructor guesses what the text might mean.
func newToken(value string, at cursor) *token.Token {
	if at.line == 0 {
		return &token.Token{Value: value}
	}
	t := &struct {
		token.Token
		at token.Position
	}{}
	t.Value, t.at.Line, t.at.Column = value, at.line, at.column
	t.Position = &t.at
	return &t.Token
}
