package azure

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/store"
)

// listing is one List Blobs answer.
type listing struct {
	objects []store.Object
	next    string
}

// errListing: the answer is not the XML that the service documents. A body that was cut off shows as this too, so it is
// worth another try.
var errListing = errors.New("the listing cannot be read")

// parseListing reads the body of a List Blobs answer: <EnumerationResults> with <Blobs>, each <Blob> with <Name> and
// <Properties>, and <NextMarker>. It reads the shape that the service documents and nothing else of XML: elements that
// it does not know are skipped whole, entities and character references are decoded, comments and processing
// instructions are passed over. Directories of a hierarchical namespace are left out: they are no objects.
func parseListing(body []byte, into *listing) error {
	p := xmlScanner{data: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))}
	into.objects, into.next = into.objects[:0], ""
	if t, err := p.open(); err != nil || string(t.name) != "EnumerationResults" || t.empty {
		return fmt.Errorf("%w: no EnumerationResults", errListing)
	}
	strs := interned{}
	for {
		t, err := p.open()
		if err != nil {
			return err
		}
		switch {
		case t.name == nil: // </EnumerationResults>
			return nil
		case t.empty:
		case string(t.name) == "Blobs":
			if err := parseBlobs(&p, into, strs); err != nil {
				return err
			}
		case string(t.name) == "NextMarker":
			text, err := p.text(t)
			if err != nil {
				return err
			}
			into.next = text
		default:
			if err := p.skip(); err != nil {
				return err
			}
		}
	}
}

func parseBlobs(p *xmlScanner, into *listing, strs interned) error {
	for {
		t, err := p.open()
		if err != nil {
			return err
		}
		switch {
		case t.name == nil:
			return nil
		case t.empty:
		case string(t.name) == "Blob":
			o, isObject, err := parseBlob(p, strs)
			if err != nil {
				return err
			}
			if isObject {
				into.objects = append(into.objects, o)
			}
		default:
			if err := p.skip(); err != nil {
				return err
			}
		}
	}
}

func parseBlob(p *xmlScanner, strs interned) (o store.Object, isObject bool, err error) {
	isObject = true
	for {
		t, err := p.open()
		if err != nil {
			return o, false, err
		}
		switch {
		case t.name == nil:
			if o.Key == "" {
				return o, false, fmt.Errorf("%w: a blob without a name", errListing)
			}
			return o, isObject, nil
		case t.empty:
		case string(t.name) == "Name":
			if o.Key, err = p.text(t); err != nil {
				return o, false, err
			}
			// Names with characters that XML cannot hold come percent-encoded.
			if bytes.Contains(t.attributes, []byte(`Encoded="true"`)) {
				if o.Key, err = url.PathUnescape(o.Key); err != nil {
					return o, false, fmt.Errorf("%w: %w", errListing, err)
				}
			}
		case string(t.name) == "Snapshot", string(t.name) == "Deleted":
			// Neither was asked for; a service that sends them anyway must not have them taken for current blobs.
			isObject = false
			if err := p.skip(); err != nil {
				return o, false, err
			}
		case string(t.name) == "VersionId":
			if o.Version, err = p.text(t); err != nil {
				return o, false, err
			}
		case string(t.name) == "Properties":
			directory, err := parseProperties(p, &o, strs)
			if err != nil {
				return o, false, err
			}
			isObject = isObject && !directory
		default:
			if err := p.skip(); err != nil {
				return o, false, err
			}
		}
	}
}

func parseProperties(p *xmlScanner, o *store.Object, strs interned) (directory bool, err error) {
	for {
		t, err := p.open()
		if err != nil {
			return false, err
		}
		if t.name == nil {
			return directory, nil
		}
		if t.empty {
			continue
		}
		raw, err := p.raw(t)
		if err != nil {
			return false, err
		}
		switch string(t.name) {
		case "Content-Length":
			if o.Size, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
				return false, fmt.Errorf("%w: size %q", errListing, raw)
			}
		case "Etag":
			o.ETag = quoted(string(raw))
		case "Last-Modified":
			if o.Modified, err = time.Parse(http.TimeFormat, string(raw)); err != nil {
				return false, fmt.Errorf("%w: time %q", errListing, raw)
			}
		case "Content-MD5":
			o.Checksums.MD5 = hexMD5(raw)
		case "Content-Type":
			if o.ContentType, err = strs.unescape(raw); err != nil {
				return false, err
			}
		case "Content-Encoding":
			if o.ContentEncoding, err = strs.unescape(raw); err != nil {
				return false, err
			}
		case "AccessTier":
			if o.StorageClass, err = strs.unescape(raw); err != nil {
				return false, err
			}
		case "ResourceType":
			directory = string(raw) == "directory"
		}
	}
}

// hexMD5 turns the base64 of a property into hex; what is no MD5 counts as none.
func hexMD5(raw []byte) string {
	var b [18]byte
	if base64.StdEncoding.DecodedLen(len(raw)) > len(b) {
		return ""
	}
	n, err := base64.StdEncoding.Decode(b[:], raw)
	if err != nil || n != 16 {
		return ""
	}
	return hex.EncodeToString(b[:n])
}

// quoted is an ETag as HTTP headers have it; listings leave the quotes out.
func quoted(etag string) string {
	if etag == "" || strings.HasSuffix(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

// interned keeps one copy of each property value, of which a listing has few.
type interned map[string]string

func (m interned) unescape(raw []byte) (string, error) {
	if s, ok := m[string(raw)]; ok {
		return s, nil
	}
	s, err := unescapeXML(raw)
	if err == nil && len(m) < 1024 {
		m[string(raw)] = s
	}
	return s, err
}

// unescapeXML decodes character data.
func unescapeXML(raw []byte) (string, error) {
	amp := bytes.IndexByte(raw, '&')
	if amp < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return string(raw), nil
	}
	var b strings.Builder
	b.Grow(len(raw))
	for len(raw) > 0 {
		amp = bytes.IndexByte(raw, '&')
		if amp < 0 {
			amp = len(raw)
		}
		// XML reads a literal line end of any kind as a line feed; a carriage return in a name is a reference.
		line := strings.ReplaceAll(string(raw[:amp]), "\r\n", "\n")
		b.WriteString(strings.ReplaceAll(line, "\r", "\n"))
		if raw = raw[amp:]; len(raw) == 0 {
			break
		}
		end := bytes.IndexByte(raw, ';')
		if end < 0 {
			return "", fmt.Errorf("%w: an entity without an end", errListing)
		}
		r, ok := entity(string(raw[1:end]))
		if !ok {
			return "", fmt.Errorf("%w: unknown entity %q", errListing, raw[:end+1])
		}
		b.WriteRune(r)
		raw = raw[end+1:]
	}
	return b.String(), nil
}

func entity(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, false
	}
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}
