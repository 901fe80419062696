package selector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/jobs/format"
	"github.com/datagravity/datagravity/pkg/jobs/format/brace"
)

const (
	// maxSpecBytes bounds what variables make of a WebDataset notation.
	maxSpecBytes = 1 << 20
	// maxNameBytes bounds all names that a notation makes, one after the other.
	maxNameBytes = 256 << 20
	// maxURLsBytes bounds a file of URLs.
	maxURLsBytes = 64 << 20
	// maxRounds is how often variables in variables are looked up; WebDataset stops there too.
	maxRounds = 10
)

var variable = lazyre.New(`\$\{([A-Za-z0-9_]+)\}`)

// wds is a list of names in WebDataset's notation, its variables already replaced (webdataset/shardlists.py, expand_urls).
type wds struct {
	spec     string
	patterns []brace.Pattern
}

// names is a list of names as they are.
type names []string

func (t wds) text() string     { return "wds:" + t.spec }
func (t wds) readsIndex() bool { return false }

func (t names) text() string {
	escaped := make([]string, len(t))
	for i, name := range t {
		escaped[i] = strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(name)
	}
	return "list:" + strings.Join(escaped, ",")
}
func (t names) readsIndex() bool { return false }

func (p *parser) wds(text, spec string) (term, error) {
	var t wds
	parts := strings.Split(spec, "::")
	for i, part := range parts {
		part, err := p.substitute(part)
		if err != nil {
			return nil, malformed(text, "%w", err)
		}
		if part, err = p.bare(text, part); err != nil {
			return nil, err
		}
		parts[i] = part
		pattern, err := brace.Parse(part)
		if err != nil {
			return nil, malformed(text, "%w", err)
		}
		if pattern.Count() > p.left || pattern.Bytes() > maxNameBytes {
			return nil, malformed(text, "its braces make more than %d names, or names of more than %d bytes in all", p.limit(), maxNameBytes)
		}
		p.left -= pattern.Count()
		t.patterns = append(t.patterns, pattern)
	}
	t.spec = strings.Join(parts, "::")
	return t, nil
}

// bare is a part of a notation without a URL's parameters. They can be told from the rest only where the whole part is a URL.
func (p *parser) bare(text, part string) (string, error) {
	switch {
	case part == "":
		return "", malformed(text, "has an empty name")
	case format.IsURL(part):
		return p.check(text, part)
	case strings.Contains(part, "://") && strings.Contains(part, "?"):
		return "", malformed(text, "has a URL with parameters within braces; write it without them")
	}
	return part, nil
}

func (p *parser) limit() int64 {
	if p.MaxNames == 0 {
		return MaxNames
	}
	return p.MaxNames
}

// substitute replaces ${X} by the variable WDS_X, and again in what comes out, ten times at most.
func (p *parser) substitute(s string) (string, error) {
	for range maxRounds {
		if !variable.MatchString(s) {
			return s, nil
		}
		var bad error
		size := 0
		s = variable.ReplaceAllStringFunc(s, func(ref string) string {
			name := "WDS_" + ref[2:len(ref)-1]
			value, ok := "", false
			if p.Env != nil {
				value, ok = p.Env(name)
			}
			switch size += len(value); {
			case bad != nil || size > maxSpecBytes:
				return ""
			case !ok:
				bad = fmt.Errorf("the variable %s is not set", name)
			case strings.Contains(value, "::"):
				bad = fmt.Errorf("the variable %s has :: in it, which separates names; write them out", name)
			case strings.ContainsAny(value, "\n\r\x00"):
				bad = fmt.Errorf("the variable %s has a line break in it", name)
			}
			return value
		})
		if bad != nil {
			return "", bad
		}
		if size > maxSpecBytes || len(s) > maxSpecBytes {
			return "", fmt.Errorf("its variables make it longer than %d bytes", maxSpecBytes)
		}
		if strings.Contains(s, "::") {
			return "", errors.New("its variables make a ::, which separates names; write them out")
		}
	}
	if variable.MatchString(s) {
		return "", fmt.Errorf("its variables refer to each other more than %d times", maxRounds)
	}
	return s, nil
}

func (p *parser) list(text, rest string) (term, error) {
	var list []string
	var name strings.Builder
	for i := 0; i <= len(rest); i++ {
		switch {
		case i == len(rest) || rest[i] == ',':
			list = append(list, strings.TrimSpace(name.String()))
			name.Reset()
		case rest[i] == '\\' && i+1 < len(rest):
			i++
			name.WriteByte(rest[i])
		default:
			name.WriteByte(rest[i])
		}
	}
	return p.names(text, list)
}

func (p *parser) urls(text, file string) (term, error) {
	if p.ReadFile == nil {
		return nil, malformed(text, "files cannot be read here; write list: and the names")
	}
	data, err := p.ReadFile(file, maxURLsBytes+1)
	if err != nil {
		return nil, malformed(text, "%w", err)
	}
	if len(data) > maxURLsBytes {
		return nil, malformed(text, "%s has more than %d bytes", file, maxURLsBytes)
	}
	var list []string
	number := 0
	for line := range bytes.Lines(data) {
		number++
		name := string(bytes.TrimSpace(line))
		if name == "" || name[0] == '#' {
			continue
		}
		if strings.ContainsAny(name, "\r\x00") {
			return nil, malformed(text, "%s, line %d: has a zero byte or a carriage return", file, number)
		}
		if _, err := p.check(text, name); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, number, err)
		}
		list = append(list, name)
	}
	if len(list) == 0 {
		return nil, malformed(text, "%s names nothing", file)
	}
	return p.names(text, list)
}

func (p *parser) names(text string, list []string) (term, error) {
	if int64(len(list)) > p.left {
		return nil, malformed(text, "the selection writes out more than %d names", p.limit())
	}
	p.left -= int64(len(list))
	for i, name := range list {
		if name == "" {
			return nil, malformed(text, "has an empty name")
		}
		bare, err := p.check(text, name)
		if err != nil {
			return nil, err
		}
		list[i] = bare
	}
	return names(list), nil
}

// check returns a name without a URL's parameters, and refuses what cannot be in any dataset. Whether a URL is in this one is known when
// it is resolved.
func (p *parser) check(text, name string) (string, error) {
	if format.IsURL(name) && !strings.HasPrefix(name, "pipe:") || strings.HasPrefix(name, "/") {
		bare, err := format.Bare(name)
		return bare, nameError(text, err)
	}
	_, err := format.Place{}.Path(name)
	return name, nameError(text, err)
}

// nameError gives an error of a name the kind of an error of a term.
func nameError(text string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrOutside):
		return fmt.Errorf("term %s: %w", short(text), err)
	}
	why := strings.TrimPrefix(err.Error(), format.ErrMalformed.Error()+": ")
	return fmt.Errorf("%w: term %s: %s", ErrMalformed, short(text), why)
}

func (t wds) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range t.patterns {
			for name := range p.All() {
				if !yield(name) {
					return
				}
			}
		}
	}
}

func (t wds) open(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	count := int64(0)
	for _, p := range t.patterns {
		count += p.Count()
	}
	return r.lookup(t, t.all(), count, out)
}

func (t names) open(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	return r.lookup(t, func(yield func(string) bool) {
		for _, name := range t {
			if !yield(name) {
				return
			}
		}
	}, int64(len(t)), out)
}

// lookup prepares to find the names of a term.
func (r *resolver) lookup(t term, list iter.Seq[string], count int64, out func(shard)) (source, error) {
	f := &finder{t: t, out: out, wanted: make([]wanted, 0, count)}
	for name := range list {
		p, err := r.place("").Path(name)
		if err != nil {
			return nil, nameError(t.text(), err)
		}
		f.want(p, format.Unknown, false)
	}
	return f, nil
}
