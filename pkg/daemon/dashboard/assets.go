package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed assets third_party/htmx.min.js third_party/uplot.min.js third_party/uplot.min.css third_party/atkinson-hyperlegible-next.woff2 third_party/*.LICENSE
var files embed.FS

// asset is a file that pages name by its content, so that a browser may keep it for ever.
type asset struct {
	name    string // in the URL: dashboard.3f9a….css
	kind    string
	plain   []byte
	gzipped []byte // nil: it does not get smaller
}

// fontName is what the style sheet calls the font by.
const fontName = "atkinson-hyperlegible-next.woff2"

// assets by their names in the URL, and by their names here. They are compressed when a page is asked for first: most processes that could serve one never do.
var assets = sync.OnceValue(func() (list struct {
	byURL, byName map[string]*asset
}) {
	list.byURL, list.byName = map[string]*asset{}, map[string]*asset{}
	keep := func(name string, b []byte) {
		a := newAsset(name, b)
		list.byURL[a.name], list.byName[name] = a, a
	}
	add := func(file string, change func([]byte) []byte) {
		b := embedded(file)
		if change != nil {
			b = change(b)
		}
		keep(path.Base(file), b)
	}
	add("third_party/"+fontName, nil)
	add("third_party/htmx.min.js", nil)
	add("third_party/uplot.min.js", nil)
	add("third_party/uplot.min.css", nil)
	add("assets/mark.svg", nil)
	add("assets/dashboard.js", nil)
	// The style sheet names the font, whose name in the URL follows from its bytes.
	add("assets/dashboard.css", func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(fontName), []byte(list.byName[fontName].name))
	})
	keep("licenses.txt", licenses())
	return list
})

func embedded(file string) []byte {
	b, err := files.ReadFile(file)
	if err != nil {
		panic(err) // it is in the program
	}
	return b
}

// licenses of what is served of others, which want to be where it is.
func licenses() []byte {
	var b bytes.Buffer
	for _, one := range []struct{ name, file string }{
		{"htmx", "htmx"}, {"uPlot", "uplot"}, {"Atkinson Hyperlegible Next", "atkinson-hyperlegible-next"},
	} {
		fmt.Fprintf(&b, "%s\n%s\n\n%s\n\n", one.name, strings.Repeat("=", len(one.name)), embedded("third_party/"+one.file+".LICENSE"))
	}
	return b.Bytes()
}

func newAsset(name string, b []byte) *asset {
	sum := sha256.Sum256(b)
	ext := path.Ext(name)
	a := &asset{name: strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext, kind: mime.TypeByExtension(ext), plain: b}
	switch ext { // whatever the machine's table of types says
	case ".js":
		a.kind = "text/javascript; charset=utf-8"
	case ".css":
		a.kind = "text/css; charset=utf-8"
	case ".woff2":
		a.kind = "font/woff2"
	case ".txt":
		a.kind = "text/plain; charset=utf-8"
	case ".svg":
		a.kind = "image/svg+xml"
	}
	if z := zipped(b, gzip.BestCompression); len(z) < len(b)*9/10 {
		a.gzipped = z
	}
	return a
}

func zipped(b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := w.Write(b); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// assetURL is where a page finds a file.
func assetURL(name string) (string, error) {
	a := assets().byName[name]
	if a == nil {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + a.name, nil
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a := assets().byURL[r.PathValue("name")]
	if a == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Etag", `"`+a.name+`"`)
	body := a.plain
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			h.Set("Etag", `"`+a.name+`.gz"`)
			body = a.gzipped
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // which answers If-None-Match
}

// takesGzip tells whether who asks can unpack.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if name == "gzip" {
			return !strings.HasPrefix(q, "q=0") || strings.ContainsAny(q, "123456789")
		}
	}
	return false
}
