package azure

import (
	"bytes"
	"fmt"
)

// xmlScanner walks the elements of a document that is in memory, without allocating.
type xmlScanner struct {
	data []byte
	pos  int
}

// xmlTag is a start tag; the zero name stands for the end tag of the element around.
type xmlTag struct {
	name       []byte
	attributes []byte
	empty      bool // <name/>
}

// open finds the next start tag inside the current element, or its end tag.
func (p *xmlScanner) open() (xmlTag, error) {
	for {
		lt := bytes.IndexByte(p.data[p.pos:], '<')
		if lt < 0 {
			return xmlTag{}, fmt.Errorf("%w: it ends early", errListing)
		}
		p.pos += lt + 1
		rest := p.data[p.pos:]
		switch {
		case bytes.HasPrefix(rest, []byte("!--")):
			if err := p.past("-->"); err != nil {
				return xmlTag{}, err
			}
		case bytes.HasPrefix(rest, []byte("?")):
			if err := p.past("?>"); err != nil {
				return xmlTag{}, err
			}
		case bytes.HasPrefix(rest, []byte("!")):
			return xmlTag{}, fmt.Errorf("%w: unexpected declaration", errListing)
		case bytes.HasPrefix(rest, []byte("/")):
			return xmlTag{}, p.past(">")
		default:
			return p.tag()
		}
	}
}

// tag reads a start tag after its "<". A ">" inside an attribute's quotes does not end it.
func (p *xmlScanner) tag() (xmlTag, error) {
	start, quote := p.pos, byte(0)
	for i := start; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			p.pos = i + 1
			inner := p.data[start:i]
			t := xmlTag{}
			if t.empty = bytes.HasSuffix(inner, []byte("/")); t.empty {
				inner = inner[:len(inner)-1]
			}
			t.name = inner
			if space := bytes.IndexAny(inner, " \t\r\n"); space >= 0 {
				t.name, t.attributes = inner[:space], inner[space:]
			}
			if len(t.name) == 0 {
				return t, fmt.Errorf("%w: a tag without a name", errListing)
			}
			return t, nil
		}
	}
	return xmlTag{}, fmt.Errorf("%w: it ends inside a tag", errListing)
}

// raw returns the character data of the element t, still escaped, and goes past its end tag.
func (p *xmlScanner) raw(t xmlTag) ([]byte, error) {
	lt := bytes.IndexByte(p.data[p.pos:], '<')
	if lt < 0 {
		return nil, fmt.Errorf("%w: it ends early", errListing)
	}
	text := p.data[p.pos : p.pos+lt]
	p.pos += lt
	end := p.data[p.pos:]
	if len(end) < len(t.name)+3 || end[1] != '/' || !bytes.Equal(end[2:2+len(t.name)], t.name) || end[2+len(t.name)] != '>' {
		return nil, fmt.Errorf("%w: %s holds more than text", errListing, t.name)
	}
	p.pos += len(t.name) + 3
	return text, nil
}

// text returns the character data of the element t, and goes past its end tag.
func (p *xmlScanner) text(t xmlTag) (string, error) {
	raw, err := p.raw(t)
	if err != nil {
		return "", err
	}
	return unescapeXML(raw)
}

// skip goes past the rest of an element that was opened and is not empty.
func (p *xmlScanner) skip() error {
	for depth := 1; depth > 0; {
		t, err := p.open()
		if err != nil {
			return err
		}
		switch {
		case t.name == nil:
			depth--
		case !t.empty:
			depth++
		}
	}
	return nil
}

// past moves behind the next occurrence of mark.
func (p *xmlScanner) past(mark string) error {
	i := bytes.Index(p.data[p.pos:], []byte(mark))
	if i < 0 {
		return fmt.Errorf("%w: it ends early", errListing)
	}
	p.pos += i + len(mark)
	return nil
}
