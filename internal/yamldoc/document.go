package yamldoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Document is a file, or one of several in it, as it is read: its tree, where each field stands, and the mistakes so far.
// Fields are named from its own top, mistakes from that of the file.
type Document struct {
	path    string
	base    Field // where the document stands in the file
	holder  string
	root    ast.Node
	marks   map[string]*mark
	anchors map[string]ast.Node
	entries *int // of lists, that may still be decoded of the file
	errs    Errors
}

// maxEntries of all lists of a file. So many fit in no YAML file without aliases; with them 6,000 lines could each stand for a list of
// thousands.
const maxEntries = MaxBytes / 2

// mark is what is known of a field beside its value.
type mark struct {
	line, column int
	set          bool // it has a value, and not null
	failed       bool // it was reported; further checks of it would only echo the first
}

func newDocument(path string) *Document {
	entries := maxEntries
	return &Document{path: path, holder: "this file", marks: map[string]*mark{}, anchors: map[string]ast.Node{}, entries: &entries}
}

// place records where a field's value stands.
func (d *Document) place(f Field, n ast.Node, set bool) {
	line, column := position(n)
	d.marks[f.key()] = &mark{line: line, column: column, set: set}
}

// Path of the file, as it was given.
func (d *Document) Path() string { return d.path }

// Base is where the document stands in its file: jobs[3], or nothing.
func (d *Document) Base() Field { return d.base }

// Place is the line and the column of a field's value, both from 1; 0 where the file does not have it.
func (d *Document) Place(f Field) (line, column int) {
	if m := d.marks[f.key()]; m != nil {
		return m.line, m.column
	}
	return 0, 0
}

// PlaceOf is the place of a field by its name in [Error.Field]; 0 where the file does not have it.
func (d *Document) PlaceOf(name string) (line, column int) {
	for key, m := range d.marks {
		if m.line > 0 && Field(strings.Split(key, "\x00")).String() == name {
			return m.line, m.column
		}
	}
	return 0, 0
}

// IsSet tells whether the file gives a field a value.
func (d *Document) IsSet(f Field) bool {
	m := d.marks[f.key()]
	return m != nil && m.set
}

// OK tells whether the file gives a field a value that nothing was wrong with so far.
func (d *Document) OK(f Field) bool { return d.IsSet(f) && !d.marks[f.key()].failed }

// Failed tells whether a field was reported already.
func (d *Document) Failed(f Field) bool {
	m := d.marks[f.key()]
	return m != nil && m.failed
}

// Fail reports a mistake at a field, or at the nearest one around it that is in the file. A field is reported once.
func (d *Document) Fail(f Field, format string, a ...any) {
	own := d.marks[f.key()]
	if own != nil && own.failed {
		return
	}
	e := d.mistake(f, fmt.Sprintf(format, a...))
	for at := f; ; at = at.Parent() {
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

// Wrong reports a value, unless a value around it or itself could not even be read.
func (d *Document) Wrong(f Field, format string, a ...any) {
	for at := f; len(at) > 0; at = at.Parent() {
		if d.Failed(at) {
			return
		}
	}
	d.Fail(f, format, a...)
}

// mistake is one at a field, without its place.
func (d *Document) mistake(f Field, message string) *Error {
	return &Error{Path: d.path, Field: append(slices.Clip(d.base), f...).String(), Message: message}
}

// Err is what was found, in the order of the file: nil, an *[Error] or [Errors].
func (d *Document) Err() error {
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return d.errs.Err()
}
