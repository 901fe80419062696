package exchange

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// Where in a store everything of this package lies.
const (
	prefix         = store.Private + "v1/"
	datasetsPrefix = prefix + "datasets/"
	agentsPrefix   = prefix + "agents/"

	referenceName     = "latest.json"
	publicationFolder = "snapshots/"
	publicationSuffix = ".dgs"
	packFolder        = "recipes/"
	packSuffix        = ".dgr"
	agentSuffix       = ".json"
)

// maxNameBytes keeps an escaped name, three bytes for each, within a file's name of 255.
const maxNameBytes = 80

func datasetFolder(dataset string) string { return datasetsPrefix + url.PathEscape(dataset) + "/" }

func referenceKey(dataset string) string { return datasetFolder(dataset) + referenceName }

func publicationKey(dataset string, id chunker.Digest) string {
	return datasetFolder(dataset) + publicationFolder + id.Hex() + publicationSuffix
}

func packKey(dataset string, id chunker.Digest) string {
	return datasetFolder(dataset) + packFolder + id.Hex() + packSuffix
}

func agentKey(name string) string { return agentsPrefix + url.PathEscape(name) + agentSuffix }

// digestOf is the digest that a key in a folder is named by.
func digestOf(key, folder, suffix string) (id chunker.Digest, ok bool) {
	digits, in := strings.CutPrefix(key, folder)
	digits, ends := strings.CutSuffix(digits, suffix)
	if !in || !ends || len(digits) != hex.EncodedLen(len(id)) || digits != strings.ToLower(digits) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil
}

// checkName refuses what cannot be a segment of a key, or would make a terminal do something.
func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("it names no %s", what)
	case len(name) > maxNameBytes:
		return fmt.Errorf("the name of the %s has %d bytes, the most is %d", what, len(name), maxNameBytes)
	case name == "." || name == "..":
		return fmt.Errorf("%q is no name of a %s", name, what)
	}
	return checkText("name of the "+what, name)
}

// checkText refuses control characters and what is not UTF-8.
func checkText(what, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("the %s %q has characters that cannot be printed", what, text)
	}
	return nil
}
