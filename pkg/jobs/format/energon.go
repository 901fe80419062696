package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/datagravity/datagravity/pkg/jobs/format/brace"
)

// EnergonFolder is where a dataset of Energon keeps all that describes it. A loader reads any of it, so all of it goes along.
const EnergonFolder = ".nv-meta/"

// The bounds of a split.yaml. The YAML library's time grows with the square of a line's length and of the number of fields beside
// each other, and it recurses; a list of 100,000 shards, a line each, takes it a second. Energon's own lists are short, because it writes
// ranges of shards as braces.
const (
	splitMaxBytes     = 4 << 20
	splitMaxLines     = 120_000
	splitMaxCommas    = 100_000 // half a million in brackets took it 12 s
	splitMaxLineBytes = 64 << 10
	splitMaxFields    = 1_000
	splitMaxDepth     = 16
)

// energonSplits is split.yaml, or split.json.
type energonSplits struct {
	Exclude    []string            `yaml:"exclude" json:"exclude"`
	SplitParts map[string][]string `yaml:"split_parts" json:"split_parts"`
}

// Energon reads the shards of one split from split.yaml (flavors/webdataset/metadata.py of Megatron-Energon), in its order: braces are
// expanded, excluded shards left out (an exclusion of single samples, SHARD/SAMPLE, leaves its shard in). info is .info.json, which tells the
// samples of every shard and must name each; nil if the dataset has only the older .info.yaml, whose samples are not read. Names are
// relative to the folder that .nv-meta is in.
func Energon(splits, info []byte, split string, place Place) ([]File, error) {
	s, err := parseSplits(splits)
	if err != nil {
		return nil, err
	}
	listed, ok := s.SplitParts[split]
	if !ok {
		return nil, fmt.Errorf("%w: it has no split %q; its splits: %s", ErrMalformed, split, splitNames(s.SplitParts))
	}
	excluded := map[string]bool{}
	if err := expandAll(s.Exclude, "exclude", func(name string) error {
		excluded[name] = true
		return nil
	}); err != nil {
		return nil, err
	}
	var samples map[string]int64
	if info != nil {
		if samples, err = energonSamples(info); err != nil {
			return nil, placed(".info.json", err)
		}
	}
	var files []File
	err = expandAll(listed, "split_parts."+split, func(name string) error {
		if excluded[name] {
			return nil
		}
		f := File{Bytes: Unknown, Samples: Unknown}
		if IsURL(name) {
			return fmt.Errorf("%w: split %s has the URL %q", ErrMalformed, split, redact(name))
		}
		if f.Path, err = place.Path(name); err != nil {
			return placed("split_parts."+split, err)
		}
		if samples != nil {
			n, ok := samples[name]
			if !ok {
				return fmt.Errorf("%w: split %s has %q, which .info.json does not know; prepare the dataset again", ErrMalformed, split, name)
			}
			f.Samples = n
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// expandAll hands every name of a list to each, MaxNames at most.
func expandAll(list []string, at string, each func(string) error) error {
	left := int64(MaxNames)
	for i, text := range list {
		p, err := brace.Parse(text)
		if err != nil {
			return fmt.Errorf("%w: %s[%d]: %w", ErrMalformed, at, i, err)
		}
		if p.Count() > left || p.Bytes() > MaxBytes {
			return fmt.Errorf("%w: %s[%d]: its braces make more than %d names", ErrMalformed, at, i, MaxNames)
		}
		left -= p.Count()
		for name := range p.All() {
			if err := each(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func splitNames(parts map[string][]string) string {
	var names []string
	for name := range parts {
		names = append(names, fmt.Sprintf("%.40q", name))
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 10 {
		names = append(names[:10], "...")
	}
	return strings.Join(names, ", ")
}

// parseSplits reads split.yaml. JSON is YAML too, and split.json goes the same way unless it is long.
func parseSplits(data []byte) (s energonSplits, err error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		if s, err := parseSplitsJSON(data); err == nil {
			return s, nil
		}
	}
	if err := checkSplits(data); err != nil {
		return s, err
	}
	// A panic of the parser is an error of the text: a daemon must not die of a file that it is told to read.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: it is no YAML that can be understood", ErrMalformed)
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if err := checkTokens(tokens); err != nil {
		return s, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return s, fmt.Errorf("%w: %s", ErrMalformed, yamlWhy(err))
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return s, fmt.Errorf("%w: it has %d YAML documents, not one", ErrMalformed, len(file.Docs))
	}
	if err := yaml.NodeToValue(file.Docs[0].Body, &s); err != nil {
		return s, fmt.Errorf("%w: %s", ErrMalformed, yamlWhy(err))
	}
	return s, nil
}

func parseSplitsJSON(data []byte) (s energonSplits, err error) {
	o, err := openObject(data)
	if err != nil {
		return s, err
	}
	for {
		field, err := o.next()
		if err != nil || field == "" {
			return s, err
		}
		switch field {
		case "exclude":
			err = o.value(field, &s.Exclude)
		case "split_parts":
			err = o.value(field, &s.SplitParts)
		default:
			err = o.skip(field)
		}
		if err != nil {
			return s, err
		}
	}
}

func checkSplits(data []byte) error {
	if len(data) > splitMaxBytes {
		return fmt.Errorf("%w: it has more than %d bytes; write runs of shards as {000000..001023}", ErrMalformed, splitMaxBytes)
	}
	if bytes.Count(data, []byte(",")) > splitMaxCommas {
		return fmt.Errorf("%w: it has more than %d commas; write runs of shards as {000000..001023}", ErrMalformed, splitMaxCommas)
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		switch {
		case number > splitMaxLines:
			return fmt.Errorf("%w: it has more than %d lines; write runs of shards as {000000..001023}", ErrMalformed, splitMaxLines)
		case len(line) > splitMaxLineBytes:
			return fmt.Errorf("%w: line %d has more than %d bytes; write a line for each shard", ErrMalformed, number, splitMaxLineBytes)
		}
	}
	return nil
}

// checkTokens refuses what would make the parser recurse or multiply. An anchor that is repeated is how a short YAML grows without end, and
// a list of splits has no use for one.
func checkTokens(tokens token.Tokens) error {
	open, fields, onLine, line := 0, 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, onLine = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType:
			return fmt.Errorf("%w: line %d has an anchor, an alias or a tag", ErrMalformed, line)
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType:
			onLine++
		case token.MappingValueType:
			fields++
		}
		switch {
		case open > splitMaxDepth || onLine > splitMaxDepth:
			return fmt.Errorf("%w: line %d nests more than %d deep", ErrMalformed, line, splitMaxDepth)
		case fields > splitMaxFields:
			return fmt.Errorf("%w: line %d: more than %d fields", ErrMalformed, line, splitMaxFields)
		}
	}
	return nil
}

// yamlWhy is the library's reason and place without the source, which it would print again.
func yamlWhy(err error) string {
	y, ok := err.(yaml.Error) //nolint:errorlint // the library returns its errors unwrapped, and only its own have a token
	if !ok {
		return err.Error()
	}
	if tk := y.GetToken(); tk != nil && tk.Position != nil {
		return fmt.Sprintf("line %d: %.200s", tk.Position.Line, y.GetMessage())
	}
	return fmt.Sprintf("%.200s", y.GetMessage())
}

// energonSamples reads the samples of each shard from .info.json.
func energonSamples(data []byte) (map[string]int64, error) {
	o, err := openObject(data)
	if err != nil {
		return nil, err
	}
	var counts map[string]int64
	for {
		field, err := o.next()
		if err != nil {
			return nil, err
		}
		switch field {
		case "":
			if counts == nil {
				return nil, fmt.Errorf("%w: it has no shard_counts", ErrMalformed)
			}
			return counts, nil
		case "shard_counts":
			err = o.value(field, &counts)
		default:
			err = o.skip(field)
		}
		if err != nil {
			return nil, err
		}
	}
}
