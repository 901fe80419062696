package exchange

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// No service has keys of more than 1024 bytes, Linux no paths of more than 4095; escaped that is 24 KiB.
	maxPathBytes = 4096
	maxLineBytes = 64 << 10
)

// place is where a recipe lies: in which pack of the header's list, and the range there. The zero value is nowhere.
type place struct {
	pack           int
	offset, length int64
}

// line is one shard in a publication. Names are short because there are millions.
type line struct {
	Path            string         `json:"p"`
	Size            int64          `json:"s"`
	Digest          chunker.Digest `json:"d"`
	ETag            string         `json:"e"`
	Version         string         `json:"v,omitempty"`
	CRC64NVME       string         `json:"x"`
	CRC32C          string         `json:"c"`
	ContentType     string         `json:"t,omitempty"`
	ContentEncoding string         `json:"n,omitempty"`
	// Base64 names the fields whose text is in base64, because it is not UTF-8 and JSON would change it.
	Base64 string         `json:"b,omitempty"`
	Recipe chunker.Digest `json:"r,omitzero"`
	Pack   int            `json:"k,omitempty"`
	Offset int64          `json:"o,omitempty"`
	Length int64          `json:"l,omitempty"`
}

// texts are the fields that a store chooses the text of, by their names.
func (l *line) texts() [5]struct {
	name string
	text *string
} {
	return [...]struct {
		name string
		text *string
	}{{"p", &l.Path}, {"e", &l.ETag}, {"v", &l.Version}, {"t", &l.ContentType}, {"n", &l.ContentEncoding}}
}

// lineOf is the line of a shard. Without a place it names no recipe.
func lineOf(s manifest.Shard, at place) line {
	l := line{
		Path: s.Path, Size: s.Size, Digest: s.Digest, ETag: s.ETag, Version: s.Version, CRC64NVME: store.Hex64(s.CRC64NVME), CRC32C: store.Hex32(s.CRC32C),
		ContentType: s.ContentType, ContentEncoding: s.ContentEncoding,
	}
	if at.length > 0 && !s.Recipe.IsZero() {
		l.Recipe, l.Pack, l.Offset, l.Length = s.Recipe, at.pack, at.offset, at.length
	}
	for _, f := range l.texts() {
		if !utf8.ValidString(*f.text) {
			l.Base64 += f.name
			*f.text = base64.StdEncoding.EncodeToString([]byte(*f.text))
		}
	}
	return l
}

// shard reads a line that was decoded. What lineOf would not have written is found by writing it again.
func (l line) shard() (s manifest.Shard, at place, err error) {
	for _, f := range l.texts() {
		if strings.Contains(l.Base64, f.name) {
			b, err := base64.StdEncoding.DecodeString(*f.text)
			if err != nil {
				return s, at, err
			}
			*f.text = string(b)
		}
	}
	s = manifest.Shard{
		Path: l.Path, Size: l.Size, Digest: l.Digest, ETag: l.ETag, Version: l.Version, Recipe: l.Recipe,
		ContentType: l.ContentType, ContentEncoding: l.ContentEncoding,
	}
	if s.CRC64NVME, err = store.ParseHex64(l.CRC64NVME); err != nil {
		return s, at, err
	}
	s.CRC32C, err = store.ParseHex32(l.CRC32C)
	return s, place{l.Pack, l.Offset, l.Length}, err
}

// encodeLine refuses what decodeLine would.
func encodeLine(s manifest.Shard, at place) ([]byte, error) {
	if err := checkShard(s); err != nil {
		return nil, err
	}
	b, err := textOf(lineOf(s, at))
	if err == nil && len(b) > maxLineBytes {
		err = fmt.Errorf("shard %q needs a line of %d bytes, the most is %d", s.Path, len(b), maxLineBytes)
	}
	return b, err
}

// decodeLine reads what encodeLine wrote and nothing else.
func decodeLine(b []byte) (manifest.Shard, place, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return manifest.Shard{}, place{}, err
	}
	s, at, err := l.shard()
	if err != nil {
		return s, at, err
	}
	again, err := encodeLine(s, at)
	if err == nil && string(again) != string(b) {
		err = errors.New("it is not written as this version writes it")
	}
	return s, at, err
}

// checkShard refuses what is no shard. A path that leads out of its folder would have a reader write elsewhere.
func checkShard(s manifest.Shard) error {
	switch {
	case s.Path == "":
		return errors.New("a shard without a path")
	case len(s.Path) > maxPathBytes:
		return fmt.Errorf("a path of %d bytes, the most is %d", len(s.Path), maxPathBytes)
	case s.Path[0] == '/' || strings.Contains(s.Path, "\x00") || strings.Contains("/"+s.Path+"/", "/../") || store.IsPrivate(s.Path):
		return fmt.Errorf("%q is no path within a dataset", s.Path)
	case s.Size < 0:
		return fmt.Errorf("shard %q of %d bytes", s.Path, s.Size)
	case s.Digest.IsZero():
		return fmt.Errorf("shard %q has no digest", s.Path)
	}
	return nil
}
