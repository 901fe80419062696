package slurm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrDeclaration: a job says that it needs data, and what it says cannot be read.
var ErrDeclaration = errors.New("the declaration cannot be read")

// keyword begins a declaration.
const keyword = "datagravity"

// maxTextBytes bounds a field, or the head of a script, in which a declaration is looked for. Slurm's own limit is 1 KiB for a
// comment.
const maxTextBytes = 64 << 10

// Declaration is what a job says that it needs. Only its form is checked here.
type Declaration struct {
	Dataset        string   // DATASET[@SNAPSHOT]; never empty
	To             []string // destinations
	Shards         []string // selectors, in the order given; none: all shards
	NeedBy         string   // as --need-by takes it
	Priority       int
	Team           string
	Keep           string // how long its data is kept for it
	OnSourceChange string // what happens when the dataset changes meanwhile
}

// ParseDeclaration looks for a declaration in a comment. Text before it is left alone. There are two forms:
//
//	datagravity: KEY=VALUE KEY=VALUE …     up to the end of the line, or a |; between pairs stand spaces or semicolons
//	datagravity=KEY=VALUE;KEY=VALUE;…      up to a space, or a |
//
// A value with such characters stands in quotes, single or double. The keys to and shards may be repeated, and to takes several
// names with commas between them. A word without = is an error, because a mistyped selector must not become "all shards". What
// [Decide] wrote is no declaration. Errors: [ErrDeclaration], with found true.
func ParseDeclaration(comment string) (d Declaration, found bool, err error) {
	s := userText(comment)
	at, inline := findKeyword(s)
	if at < 0 {
		return d, false, nil
	}
	s = s[at:]
	if len(s) > maxTextBytes {
		return d, true, fmt.Errorf("%w: it is longer than %d bytes", ErrDeclaration, maxTextBytes)
	}
	var p pairs
	rest, err := p.read(s, inline)
	if err != nil {
		return d, true, err
	}
	if again, _ := findKeyword(rest); again >= 0 {
		return d, true, fmt.Errorf("%w: there are two: a job declares one dataset; leave one of them", ErrDeclaration)
	}
	d, err = p.declaration()
	return d, true, err
}

// findKeyword returns where the text after the first "datagravity:" or "datagravity=" begins, -1 if there is none, and whether
// it was the second. A name that only ends so, or a path, is neither.
func findKeyword(s string) (after int, inline bool) {
	for from := 0; ; {
		i := strings.Index(s[from:], keyword)
		if i < 0 {
			return -1, false
		}
		i += from
		from = i + len(keyword)
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		if i > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before) || strings.ContainsRune("_-./@:", before)) {
			continue
		}
		if from < len(s) && (s[from] == ':' || s[from] == '=') {
			return from + 1, s[from] == '='
		}
	}
}

// pairs are the keys and values of a declaration, in the order given.
type pairs [][2]string

// read appends the pairs at the beginning of s and returns what follows the declaration.
func (p *pairs) read(s string, inline bool) (rest string, err error) {
	var word strings.Builder
	var quote rune
	begun := false // a word has begun, perhaps an empty one in quotes
	end := func() error {
		defer func() { word.Reset(); begun = false }()
		if !begun {
			return nil
		}
		return p.add(word.String())
	}
scan:
	for i, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case r == '|' || r == '\n' || r == '\r' || inline && unicode.IsSpace(r):
			rest = s[i:]
			break scan
		case r == ';' || unicode.IsSpace(r):
			if err := end(); err != nil {
				return "", err
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return "", fmt.Errorf("%w: a quote %c is not closed", ErrDeclaration, quote)
	}
	return rest, end()
}

// keys a declaration may have. A dash in one is taken for an underscore.
const keys = "dataset, to, shards, need_by, priority, team, keep, on_source_change"

func (p *pairs) add(word string) error {
	key, value, ok := strings.Cut(word, "=")
	key = strings.ReplaceAll(key, "-", "_")
	switch {
	case !ok:
		return fmt.Errorf("%w: %s is no KEY=VALUE: put what belongs to the value before it in quotes, and other text behind a |", ErrDeclaration, quoted(word))
	case !strings.Contains(", "+keys+",", ", "+key+",") || key == "":
		return fmt.Errorf("%w: there is no key %s: the keys are %s", ErrDeclaration, quoted(key), keys)
	case strings.TrimSpace(value) == "":
		return fmt.Errorf("%w: %s has no value", ErrDeclaration, key)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%w: the value of %s has characters that are not text: %s", ErrDeclaration, key, quoted(value))
	}
	*p = append(*p, [2]string{key, value})
	return nil
}

// quoted is a word for a message.
func quoted(s string) string { return strconv.Quote(cut(s, 80)) }

// declaration makes one of all pairs.
func (p pairs) declaration() (d Declaration, err error) {
	single := map[string]*string{
		"dataset": &d.Dataset, "need_by": &d.NeedBy, "team": &d.Team, "keep": &d.Keep, "on_source_change": &d.OnSourceChange,
	}
	given := map[string]bool{}
	for _, kv := range p {
		key, value := kv[0], kv[1]
		switch key {
		case "to":
			for name := range strings.SplitSeq(value, ",") {
				if name == "" {
					return Declaration{}, fmt.Errorf("%w: to=%s has an empty name: want DEST, or DEST,DEST", ErrDeclaration, value)
				}
				d.To = append(d.To, name)
			}
			continue
		case "shards":
			d.Shards = append(d.Shards, value)
			continue
		}
		if given[key] {
			return Declaration{}, fmt.Errorf("%w: %s is given twice", ErrDeclaration, key)
		}
		given[key] = true
		if key == "priority" {
			if d.Priority, err = strconv.Atoi(value); err != nil {
				return Declaration{}, fmt.Errorf("%w: priority=%s: want a whole number", ErrDeclaration, quoted(value))
			}
			continue
		}
		*single[key] = value
	}
	if d.Dataset == "" {
		return Declaration{}, fmt.Errorf("%w: it names no dataset: write dataset=NAME", ErrDeclaration)
	}
	return d, nil
}
