package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxBytes bounds a YAML file. A dataset of a configuration takes about 100 bytes.
const MaxBytes = 256 << 10

// Parse reads the text of a file that holds one document; noun says of what: "configuration". The error is an *[Error] or [Errors]:
// YAML syntax and values that look like secrets. After either nothing more is read, so that no later message repeats a secret.
func Parse(path string, data []byte, noun string) (*Document, error) {
	docs, err := parse(path, data, noun)
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return newDocument(path), nil
	case 1:
		return docs[0], docs[0].Err()
	}
	line, column := position(docs[1].root)
	return nil, &Error{Path: path, Line: line, Column: column, Message: "a second YAML document; one file holds one " + noun}
}

// parse reads the documents of a file, without those that hold comments alone. Err of each says whether it has secrets.
func parse(path string, data []byte, noun string) ([]*Document, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Path: path, Message: "larger than 256KiB; that is not a " + noun}
	}
	if !utf8.Valid(data) {
		return nil, &Error{Path: path, Message: "is not UTF-8 text; save it as UTF-8"}
	}
	if err := checkLines(path, data, noun); err != nil {
		return nil, err
	}
	file, err := parseYAML(data)
	if err != nil {
		return nil, syntax(path, err)
	}
	var docs []*Document
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		d := newDocument(path)
		d.root = doc.Body
		d.survey(d.root, nil)
		docs = append(docs, d)
	}
	return docs, nil
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

func checkLines(path string, data []byte, noun string) error {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		switch {
		case number > maxLines:
			return &Error{Path: path, Line: number, Column: 1, Message: fmt.Sprintf("more than %d lines; that is not a %s", maxLines, noun)}
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

func syntax(path string, err error) *Error {
	out := &Error{Path: path}
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
