package yamldoc

import (
	"slices"
	"strconv"
	"strings"
)

// Field is where a value stands in a document: keys, and indices as "[0]". The zero Field is the document itself.
type Field []string

// Child is the field of a name in f.
func (f Field) Child(name string) Field { return append(slices.Clip(f), name) }

// Index is the entry of a list in f, from 0.
func (f Field) Index(i int) Field { return f.Child("[" + strconv.Itoa(i) + "]") }

// Parent is the field around f, which must not be the document itself.
func (f Field) Parent() Field { return f[:len(f)-1] }

// String is the form of Error.Field: "datasets.c4.include[0]".
func (f Field) String() string { return strings.ReplaceAll(strings.Join(f, "."), ".[", "[") }

// key tells fields apart whose names have dots.
func (f Field) key() string { return strings.Join(f, "\x00") }
