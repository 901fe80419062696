package format

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// Place is where the names in an index, or in a list, are read from.
type Place struct {
	Dir   string // folder of the dataset that relative names start from, "" for its root
	Roots []Root // where the dataset is known to be
}

// Root is a URL below which a dataset's paths begin: the source's, or a destination's.
type Root struct {
	text string
	at   address
}

// address is a URL's meaning. Two URLs of one object have equal addresses, but for an account that only one of them names.
type address struct {
	kind    string // the scheme, or "azure" for all of Azure's
	account string // of Azure, "" if the URL does not tell
	bucket  string
	key     string
}

var (
	schemePattern = lazyre.New(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
	azureHost     = lazyre.New(`^([a-z0-9]{3,24})\.(?:blob|dfs)\.[a-z0-9.-]+$`)
	s3Host        = lazyre.New(`^(.+)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com$`)
)

// IsURL tells whether a name is a URL, or pretends to be one, and is not relative to anything.
func IsURL(name string) bool {
	return schemePattern.MatchString(name) || strings.HasPrefix(name, "file:") || strings.HasPrefix(name, "pipe:")
}

// ParseRoot reads the URL of a prefix: s3://BUCKET/PREFIX, gs://, azblob://CONTAINER/PREFIX?storage_account=NAME,
// https://NAME.blob.core.windows.net/CONTAINER/PREFIX, file:///PATH, or an absolute path. Parameters say how a store is opened and
// are passed over, but for the account.
func ParseRoot(text string) (Root, error) {
	at, err := parseURL(text)
	if err != nil {
		return Root{}, fmt.Errorf("root %q: %w", redact(text), err)
	}
	if at.key != "" && !strings.HasSuffix(at.key, "/") {
		at.key += "/"
	}
	return Root{redact(text), at}, nil
}

// String is the URL without its parameters.
func (r Root) String() string { return r.text }

// containerAt are the schemes whose URLs have the container before an @.
var containerAt = map[string]bool{"abfs": true, "abfss": true, "wasb": true, "wasbs": true}

// redact leaves out what may be a credential: parameters, and what stands before an @ of a host.
func redact(text string) string {
	text, _, _ = strings.Cut(text, "?")
	if m := schemePattern.FindString(text); m != "" {
		host, rest, ok := strings.Cut(text[len(m):], "/")
		// abfss://CONTAINER@ACCOUNT... has no credential there; whatever has a colon before its @ does.
		if at := strings.LastIndex(host, "@"); at >= 0 && (!containerAt[strings.ToLower(m[:len(m)-3])] || strings.Contains(host[:at], ":")) {
			host = host[at+1:]
		}
		if text = m + host; ok {
			text += "/" + rest
		}
	}
	return text
}

func parseURL(text string) (a address, err error) {
	m := schemePattern.FindStringSubmatch(text)
	if m == nil {
		p := strings.TrimPrefix(text, "file:")
		if !strings.HasPrefix(p, "/") {
			return a, fmt.Errorf("%w: it has no scheme and no absolute path", ErrMalformed)
		}
		return address{kind: "file", key: strings.TrimLeft(p, "/")}, nil
	}
	rest := text[len(m[0]):]
	var query string
	scheme := strings.ToLower(m[1])
	// A question mark is allowed in the keys of a bucket, but nobody writes one there, and what follows it may be a signature.
	rest, query, _ = strings.Cut(rest, "?")
	a.bucket, a.key, _ = strings.Cut(rest, "/")
	switch a.kind = scheme; scheme {
	case "file":
		return address{kind: "file", key: strings.TrimLeft(rest, "/")}, nil
	case "s3a", "s3n":
		a.kind = "s3"
	case "gcs":
		a.kind = "gs"
	case "azblob", "az", "abfs", "abfss", "wasb", "wasbs":
		a.kind = "azure"
		if q, err := url.ParseQuery(query); err == nil {
			a.account = q.Get("storage_account")
		}
		if container, host, ok := strings.Cut(a.bucket, "@"); ok && containerAt[scheme] {
			a.bucket = container
			a.account, _, _ = strings.Cut(host, ".")
		}
	case "http", "https":
		err = a.ofHost()
	}
	if err == nil && strings.Contains(a.bucket, "@") {
		err = fmt.Errorf("%w: credentials do not belong in a URL", ErrMalformed)
	}
	return a, err
}

// ofHost reads the address of an object's web URL. There alone a key is percent-encoded; in the others it stands as it is.
func (a *address) ofHost() error {
	key, err := url.PathUnescape(a.key)
	if err != nil {
		return fmt.Errorf("%w: its percent signs encode nothing", ErrMalformed)
	}
	a.key = key
	host := strings.ToLower(a.bucket)
	switch m := azureHost.FindStringSubmatch(host); {
	case m != nil:
		a.kind, a.account = "azure", m[1]
		a.bucket, a.key, _ = strings.Cut(key, "/")
	case host == "storage.googleapis.com":
		a.kind = "gs"
		a.bucket, a.key, _ = strings.Cut(key, "/")
	default:
		if m := s3Host.FindStringSubmatch(host); m != nil {
			a.kind, a.bucket = "s3", m[1]
		}
	}
	return nil
}

// Bare is a name without what must not be written down: of a URL the parameters, which may be a signature. Only the account of an
// azblob URL is kept. A URL with credentials in it is [ErrMalformed].
func Bare(name string) (string, error) {
	if !schemePattern.MatchString(name) {
		return name, nil
	}
	a, err := parseURL(name)
	if err != nil {
		return "", fmt.Errorf("%q: %w", redact(name), err)
	}
	bare, query, _ := strings.Cut(name, "?")
	if strings.Contains(query, "storage_account=") && a.account != "" && !strings.HasPrefix(strings.ToLower(name), "http") {
		bare += "?storage_account=" + url.QueryEscape(a.account)
	}
	return bare, nil
}

// within is the part of a below the root.
func (r Root) within(a address) (string, bool) {
	b := r.at
	if a.kind != b.kind || a.bucket != b.bucket || a.account != b.account && a.account != "" && b.account != "" {
		return "", false
	}
	return strings.CutPrefix(a.key, b.key)
}

// Path is the dataset's path of a name: relative to Dir, or a URL under one of the roots. Otherwise it fails with [ErrOutside], or
// with [ErrMalformed] where the name is none.
func (p Place) Path(name string) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("%w: a name is empty", ErrMalformed)
	case strings.ContainsAny(name, "\x00\n\r"):
		return "", fmt.Errorf("%w: the name %.100q has a line break or a zero byte", ErrMalformed, name)
	case strings.HasPrefix(name, "pipe:"):
		return "", refusePipe(name)
	case IsURL(name) || strings.HasPrefix(name, "/"):
		if rel, ok := strings.CutPrefix(name, "file:"); ok && !strings.HasPrefix(rel, "/") {
			return below(p.Dir, rel)
		}
		return p.pathOfURL(name)
	}
	return below(p.Dir, name)
}

func (p Place) pathOfURL(name string) (string, error) {
	a, err := parseURL(name)
	if err != nil {
		return "", fmt.Errorf("%q: %w", redact(name), err)
	}
	for _, r := range p.Roots {
		if rest, ok := r.within(a); ok && rest != "" {
			return below("", rest)
		}
	}
	known := make([]string, len(p.Roots))
	for i, r := range p.Roots {
		known[i] = r.String()
	}
	if len(known) == 0 {
		return "", fmt.Errorf("%q is %w: no URL of it is known; write the path within it", redact(name), ErrOutside)
	}
	return "", fmt.Errorf("%q is %w, which is at %s", redact(name), ErrOutside, strings.Join(known, ", "))
}

// below joins a relative name to a folder. A name without dot segments is taken as it is: in a bucket a//b is not a/b.
func below(dir, name string) (string, error) {
	joined := name
	if dir != "" {
		joined = strings.TrimSuffix(dir, "/") + "/" + name
	}
	if dotted(joined) {
		joined = path.Clean(joined)
	}
	switch {
	case joined == ".." || strings.HasPrefix(joined, "../") || strings.HasPrefix(joined, "/"):
		return "", fmt.Errorf("%q is %w", name, ErrOutside)
	case joined == ".":
		return "", fmt.Errorf("%w: %q names a folder", ErrMalformed, name)
	}
	return joined, nil
}

func dotted(p string) bool {
	for s := range strings.SplitSeq(p, "/") {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// pipeObject finds the URL of the object in the commands that are usual in WebDataset lists.
var pipeObject = lazyre.New(`(?:^|\s)['"]?((?:s3|gs)://[^\s'"|;&<>]+)`)

// refusePipe says why, and what the command seems to read. It is never run: a list that a stranger wrote would run on this machine.
func refusePipe(name string) error {
	hint := "write the object's URL"
	if m := pipeObject.FindStringSubmatch(strings.TrimPrefix(name, "pipe:")); m != nil {
		hint += ", " + redact(m[1])
	}
	return fmt.Errorf("%w: pipe: runs a command; %s", ErrMalformed, hint)
}
