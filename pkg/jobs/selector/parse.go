package selector

import (
	"context"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/format"
	"github.com/datagravity/datagravity/pkg/jobs/format/brace"
)

// MaxNames is how many names the terms of one selection may write out, unless Options say otherwise.
const MaxNames = 1_000_000

// maxTermBytes bounds one term: a list of a million URLs.
const maxTermBytes = 128 << 20

// maxNesting is how many "of" a term may have.
const maxNesting = 8

// Options for [Parse]. The zero value knows no variables, reads no files and allows [MaxNames] names.
type Options struct {
	// Env looks up an environment variable; for wds: they begin with WDS_.
	Env func(name string) (value string, ok bool)
	// ReadFile reads at most so many bytes of a file that the user named, for urls:.
	ReadFile func(name string, most int64) ([]byte, error)
	// MaxNames is the most that all terms together may write out; 0 means [MaxNames].
	MaxNames int64
}

// Selection is a list of terms that was read. The zero value selects everything.
type Selection struct{ terms []term }

// term is one line of a selection.
type term interface {
	// text is canonical: reading it gives an equal term.
	text() string
	// readsIndex tells that the dataset's own index decides.
	readsIndex() bool
	// open prepares to resolve the term. What it selects goes to out, in the term's order, while the dataset is listed or at the end.
	open(ctx context.Context, r *resolver, out func(shard)) (source, error)
}

// Parse reads terms. Its errors are [ErrMalformed], or [ErrOutside] for a name that leads out of any dataset.
func Parse(terms []string, o Options) (Selection, error) {
	p := parser{Options: o, left: o.MaxNames}
	if p.left == 0 {
		p.left = MaxNames
	}
	var s Selection
	for _, text := range terms {
		t, err := p.term(text, 0)
		if err != nil {
			return Selection{}, err
		}
		s.terms = append(s.terms, t)
	}
	return s, nil
}

// parser counts the names of all terms.
type parser struct {
	Options
	left int64
}

func (p *parser) term(text string, nesting int) (term, error) {
	switch {
	case text == "":
		return nil, malformed(text, "is empty; leave it out to select everything")
	case len(text) > maxTermBytes:
		return nil, malformed(text, "has more than %d bytes", maxTermBytes)
	case strings.ContainsAny(text, "\n\r\x00"):
		return nil, malformed(text, "has a line break or a zero byte; a term is one line")
	case nesting > maxNesting:
		return nil, malformed(text, `has more than %d "of" in each other`, maxNesting)
	}
	word, rest, ok := strings.Cut(text, ":")
	if !ok {
		return p.plain(text)
	}
	switch word {
	case "wds":
		return p.wds(text, rest)
	case "list":
		return p.list(text, rest)
	case "urls":
		return p.urls(text, rest)
	case "range":
		return p.rangeOf(text, rest, nesting)
	case "bytes":
		return p.bytesOf(text, rest, nesting)
	case "mds", "litdata", "wids", "energon", "megatron", "parquet", "delta":
		return p.index(text, word, rest)
	}
	return p.plain(text)
}

// plain reads a term without a word in front.
func (p *parser) plain(text string) (term, error) {
	path, _, _ := strings.Cut(text, "?") // of a URL; what follows there is no glob
	if !format.IsURL(text) {
		path = text
	}
	globs := strings.ContainsAny(path, "*?[")
	switch {
	case brace.HasNumbers(text) && globs:
		return nil, malformed(text, "has a range in braces, which is WebDataset's, and %s, which is a glob's; write the one without the other", "* ? or [")
	case brace.HasNumbers(text):
		return p.wds("wds:"+text, text)
	case format.IsURL(text) && (globs || strings.Contains(path, "{")):
		return nil, malformed(text, "is a URL and a glob; a glob is on the path within the dataset")
	case format.IsURL(text):
		return p.names(text, []string{strings.TrimSpace(text)})
	}
	if _, err := jobs.NewSelection([]string{text}); err != nil {
		return nil, malformed(text, "%w", err)
	}
	return glob(text), nil
}

// Terms is the canonical text of the selection, in its order.
func (s Selection) Terms() []string {
	out := make([]string, len(s.terms))
	for i, t := range s.terms {
		out[i] = t.text()
	}
	return out
}

// All tells that everything is selected.
func (s Selection) All() bool { return len(s.terms) == 0 }

// Globs are the terms as [jobs.NewSelection] takes them, if there are only globs and paths, or none.
func (s Selection) Globs() (globs []string, ok bool) {
	for _, t := range s.terms {
		g, ok := t.(glob)
		if !ok {
			return nil, false
		}
		globs = append(globs, string(g))
	}
	return globs, true
}

// NeedsIndex tells that resolving reads an index of the dataset.
func (s Selection) NeedsIndex() bool {
	for _, t := range s.terms {
		if t.readsIndex() {
			return true
		}
	}
	return false
}

// String is for messages: "all shards", or the terms, shortened.
func (s Selection) String() string {
	if s.All() {
		return "all shards"
	}
	var list some
	for _, t := range s.terms {
		list.add(func() string { return short(t.text()) })
	}
	return list.String()
}
