package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// lister answers List Blobs for a container with any number of blobs that are nowhere, in pages of at most 5,000, and nothing
// else: whatever other question is refused.
type lister struct {
	blobs    int
	modified string // of all of them
	pages    atomic.Int64
}

func newLister(blobs int) *lister {
	return &lister{blobs: blobs, modified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Format(http.TimeFormat)}
}

// listedKey is the key of the i-th blob; keys ascend with i.
func listedKey(i int) string { return fmt.Sprintf("%s/%04d/shard-%08d.tar", datasetName, i/1000, i) }

// listedBytes is the size of every listed blob.
const listedBytes = 1 << 10

func (l *lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || q.Get("comp") != "list" || q.Get("restype") != "container" {
		http.Error(w, "only listings are answered", http.StatusBadRequest)
		return
	}
	from, most := 0, azurePage
	for name, to := range map[string]*int{"marker": &from, "maxresults": &most} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			http.Error(w, name+" is no number", http.StatusBadRequest)
			return
		}
		*to = n
	}
	l.pages.Add(1)
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write(l.page(from, min(l.blobs, from+min(most, azurePage)))) // a client that is gone needs no answer
}

// page is the answer with the blobs in [from, to), in the form of
// https://learn.microsoft.com/rest/api/storageservices/list-blobs.
func (l *lister) page(from, to int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/" ContainerName="listed"><Blobs>`)
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `<Blob><Name>%s</Name><Properties><Creation-Time>%[2]s</Creation-Time><Last-Modified>%[2]s</Last-Modified>`+
			`<Etag>0x8DE%012X</Etag><Content-Length>%d</Content-Length><Content-Type>application/octet-stream</Content-Type>`+
			`<Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5 /><Cache-Control /><Content-Disposition />`+
			`<BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>`+
			`<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted>`+
			`</Properties><OrMetadata /></Blob>`, listedKey(i), l.modified, i, listedBytes)
	}
	b.WriteString(`</Blobs>`)
	if to < l.blobs {
		fmt.Fprintf(&b, `<NextMarker>%d</NextMarker>`, to)
	} else {
		b.WriteString(`<NextMarker />`)
	}
	b.WriteString(`</EnumerationResults>`)
	return b.Bytes()
}

// emptyBucket answers what a client asks about an S3 bucket before it uses it, refuses everything else, and counts both.
type emptyBucket struct {
	// opening are requests about the bucket as a whole, others all those about what is or should be in it.
	opening, others atomic.Int64
}

func (e *emptyBucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	answer := ""
	switch {
	case r.Method == http.MethodHead && r.URL.Path == "/bucket":
	case r.Method == http.MethodGet && q.Has("versioning"):
		answer = `<VersioningConfiguration/>`
	case r.Method == http.MethodGet && q.Get("list-type") == "2" && q.Get("prefix") == "" && q.Get("max-keys") == "1":
		answer = `<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>`
	case r.Method == http.MethodGet && q.Has("object-lock"):
		e.opening.Add(1)
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>`)
		return
	default:
		e.others.Add(1)
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `<Error><Code>AccessDenied</Code></Error>`)
		return
	}
	e.opening.Add(1)
	w.Header().Set("Content-Type", "application/xml")
	_, _ = fmt.Fprint(w, answer)
}

// handled is a handler behind a port of its own.
type handled struct {
	addr   string
	server *http.Server
	served chan error
}

func serve(h http.Handler) (*handled, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &handled{ln.Addr().String(), &http.Server{Handler: h}, make(chan error, 1)}
	go func() { s.served <- s.server.Serve(ln) }()
	return s, nil
}

func (s *handled) close() error {
	if err := s.server.Close(); err != nil {
		return err
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
