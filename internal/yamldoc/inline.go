package yamldoc

import (
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/datagravity/datagravity/internal/lazyre"
)

var wholePattern = lazyre.New(`^-?[0-9]{1,18}$`)

// Inline is a document of fields that were not in a file: flags, a declaration in another program's text. One value is a value,
// several are a list, none is null; whole numbers can be texts too, as in YAML without quotes. Mistakes have a field and no line.
// holder is what holds the fields, in messages: "a job". A value that looks like a secret is an *[Error] or [Errors].
func Inline(fields map[string][]string, holder string) (*Document, error) {
	d := newDocument("")
	d.holder = holder
	root := ast.Mapping(newToken("{", cursor{}), true)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		key := ast.String(newToken(name, cursor{}))
		var value ast.Node = ast.Null(newToken("null", cursor{}))
		switch values := fields[name]; len(values) {
		case 0:
		case 1:
			value = plainNode(values[0])
		default:
			list := ast.Sequence(newToken("[", cursor{}), true)
			for _, v := range values {
				list.Values = append(list.Values, plainNode(v))
			}
			value = list
		}
		root.Values = append(root.Values, ast.MappingValue(key.Token, key, value))
	}
	d.root = root
	d.survey(root, nil)
	return d, d.Err()
}

func plainNode(text string) ast.Node {
	tk := newToken(text, cursor{})
	if wholePattern.MatchString(text) {
		return &ast.IntegerNode{BaseNode: &ast.BaseNode{}, Token: tk}
	}
	return ast.String(tk)
}
