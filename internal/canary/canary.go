// Package canary finds secrets in what programs and tests print. The secrets are those that tests use: of the emulators, and whatever a test adds, whose
// names begin with canary.
package canary

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// environment are the variables whose values are secrets where they are set.
var environment = []string{
	"AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DATAGRAVITY_TOKEN",
}

// shortest is how long a value is at least that is searched for: a shorter one is found by chance.
const shortest = 8

// signature is the part of a SAS token that gives access, whoever's it is.
var signature = regexp.MustCompile(`[?&;]sig=[A-Za-z0-9%+/]{20,}`)

// Secrets to search for: those given, those of the environment now, and each as it is written in a URL or in base64.
func Secrets(more ...string) (list []string) {
	for _, name := range environment {
		more = append(more, os.Getenv(name))
	}
	for _, s := range more {
		if i := strings.Index(s, "sig="); i >= 0 {
			s, _, _ = strings.Cut(s[i+len("sig="):], "&") // the rest of a SAS token is no secret
			if plain, err := url.QueryUnescape(s); err == nil {
				s = plain
			}
		}
		if len(s) < shortest {
			continue
		}
		list = append(list, s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Find tells where the first secret is in a text, without showing it; "": nowhere.
func Find(text []byte, secrets []string) string {
	at := -1
	for _, s := range secrets {
		if i := bytes.Index(text, []byte(s)); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if m := signature.FindIndex(text); m != nil && (at < 0 || m[0] < at) {
		at = m[0]
	}
	if at < 0 {
		return ""
	}
	line := 1 + bytes.Count(text[:at], []byte("\n"))
	begin := bytes.LastIndexByte(text[:at], '\n') + 1
	return fmt.Sprintf("a secret in line %d, after %q", line, text[begin:at])
}

// Writer passes on what is written, and keeps it to be searched.
type Writer struct {
	To io.Writer

	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps and passes on.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.text.Write(p)
	w.mu.Unlock()
	return w.To.Write(p)
}

// Find tells where the first secret was written; "": nowhere.
func (w *Writer) Find(secrets []string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Find(w.text.Bytes(), secrets)
}
