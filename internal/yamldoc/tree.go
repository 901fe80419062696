package yamldoc

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// survey finds the anchors and the secrets of a tree.
func (d *Document) survey(n ast.Node, at Field) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.anchors[n.Name.GetToken().Value] = n.Value
		d.survey(n.Value, at)
	case *ast.TagNode:
		d.survey(n.Value, at)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			d.survey(v, at.Index(i))
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

func (d *Document) surveyPair(pair *ast.MappingValueNode, at Field) {
	name := pair.Key.GetToken().Value
	if looksSecret(name) {
		d.secret(pair.Key, at)
		return
	}
	d.survey(pair.Value, at.Child(name))
}

func (d *Document) secret(n ast.Node, at Field) {
	line, column := position(n)
	e := d.mistake(at, fmt.Sprintf(secretHint, d.holder))
	e.Line, e.Column = line, column
	d.errs = append(d.errs, e)
}

// resolve follows anchors and aliases to the node that holds the value; nil after reporting why there is none.
func (d *Document) resolve(n ast.Node, f Field) ast.Node {
	for range 100 { // an alias can name an anchor on itself
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.Fail(f, "no anchor &%s for this alias", name)
				return nil
			}
			n = target
		case *ast.TagNode:
			d.Fail(f, "YAML tags (%s) are not understood; write the value alone", v.Start.Value)
			return nil
		default:
			return n
		}
	}
	d.Fail(f, "this alias leads to itself")
	return nil
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
