package gcstest

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// media is the JSON API's download.
func (s *Server) media(w http.ResponseWriter, r *http.Request, name string) {
	o, err := s.find(name, r.URL.Query())
	if err == nil {
		err = serveBytes(w, r, o)
	}
	if err != nil {
		answerJSON(w, nil, err)
	}
}

// xmlGet is the XML API's download: conditions are headers, and errors XML.
func (s *Server) xmlGet(w http.ResponseWriter, r *http.Request, name string) {
	q := url.Values{}
	if r.URL.Query().Has("generation") {
		q.Set("generation", r.URL.Query().Get("generation"))
	}
	for header, parameter := range map[string]string{
		"x-goog-if-generation-match": "ifGenerationMatch", "x-goog-if-metageneration-match": "ifMetagenerationMatch",
	} {
		if v := r.Header.Get(header); v != "" {
			q.Set(parameter, v)
		}
	}
	o, err := s.find(name, q)
	if err == nil {
		err = serveBytes(w, r, o)
	}
	if err == nil {
		return
	}
	e := refusalOf(err)
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.reason, Message: e.message})
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(e.code)
	_, _ = w.Write(body)
}

func serveBytes(w http.ResponseWriter, r *http.Request, o *object) error {
	h := w.Header()
	h.Set("X-Goog-Generation", strconv.FormatInt(o.Generation, 10))
	h.Set("X-Goog-Metageneration", strconv.FormatInt(o.Metageneration, 10))
	h.Set("X-Goog-Storage-Class", o.StorageClass)
	h.Set("X-Goog-Hash", "crc32c="+o.Crc32c)
	h.Set("Content-Type", o.ContentType)
	data, from, status := o.data, 0, http.StatusOK
	if o.ContentEncoding == "gzip" && !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return err
		}
		if data, err = io.ReadAll(z); err != nil {
			return err
		}
		h.Set("X-Goog-Stored-Content-Encoding", "gzip")
	} else {
		if o.ContentEncoding != "" {
			h.Set("Content-Encoding", o.ContentEncoding)
		}
		var err error
		if from, data, status, err = slice(r.Header.Get("Range"), data); err != nil {
			return err
		}
		if status == http.StatusPartialContent {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+len(data)-1, len(o.data)))
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(data)
	}
	return nil
}

// rangeForm is "bytes=a-b" or "bytes=a-".
var rangeForm = regexp.MustCompile(`^bytes=(\d{1,18})-(\d{0,18})$`)

// slice takes a range; one of another form is ignored, as the service does.
func slice(header string, data []byte) (from int, part []byte, status int, err error) {
	m := rangeForm.FindStringSubmatch(header)
	if m == nil {
		return 0, data, http.StatusOK, nil
	}
	from, _ = strconv.Atoi(m[1]) // digits
	if from >= len(data) {
		return 0, nil, 0, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range cannot be satisfied.")
	}
	to := len(data) - 1
	if m[2] != "" {
		last, _ := strconv.Atoi(m[2])
		if last < from {
			return 0, data, http.StatusOK, nil
		}
		to = min(to, last)
	}
	return from, data[from : to+1], http.StatusPartialContent, nil
}
