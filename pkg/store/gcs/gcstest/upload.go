package gcstest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	raw "google.golang.org/api/storage/v1"
)

// session is a resumable upload. Its conditions are those of the request that began it, and are judged when it ends.
type session struct {
	said *raw.Object
	q    url.Values
	data []byte
}

// upload serves the three kinds of upload: media, multipart and resumable.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var o *object
	var err error
	switch kind := q.Get("uploadType"); {
	case kind == "media" && r.Method == http.MethodPost:
		o, err = s.uploadMedia(r, q)
	case kind == "multipart" && r.Method == http.MethodPost:
		o, err = s.uploadMultipart(r, q)
	case kind == "resumable" && q.Has("upload_id"): // by PUT, or POST as the Go client does
		if o, err = s.resume(w, r, q.Get("upload_id")); o == nil && err == nil {
			return
		}
	case kind == "resumable" && r.Method == http.MethodPost:
		if err = s.begin(w, r, q); err == nil {
			return
		}
	default:
		err = refuse(http.StatusBadRequest, "invalid", "Invalid upload type %q", kind)
	}
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	answerJSON(w, &o.Object, nil)
}

func (s *Server) uploadMedia(r *http.Request, q url.Values) (*object, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	said := &raw.Object{ContentType: r.Header.Get("Content-Type"), ContentEncoding: q.Get("contentEncoding")}
	for _, h := range strings.Split(strings.Join(r.Header.Values("X-Goog-Hash"), ","), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(h), "="); name {
		case "crc32c":
			said.Crc32c = value
		case "md5":
			said.Md5Hash = value
		}
	}
	return s.create(q.Get("name"), said, data, q)
}

func (s *Server) uploadMultipart(r *http.Request, q url.Values) (*object, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid", "%v", err)
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	first, err := parts.NextRawPart()
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid", "%v", err)
	}
	said := &raw.Object{}
	if err := json.NewDecoder(first).Decode(said); err != nil {
		return nil, refuse(http.StatusBadRequest, "parseError", "%v", err)
	}
	second, err := parts.NextRawPart()
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid", "%v", err)
	}
	if said.ContentType == "" {
		said.ContentType = second.Header.Get("Content-Type")
	}
	data, err := io.ReadAll(second)
	if err != nil {
		return nil, err
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		return nil, refuse(http.StatusBadRequest, "invalid", "more than two parts")
	}
	return s.create(nameOf(said, q), said, data, q)
}

// begin opens a session; its address carries the id.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, q url.Values) error {
	said := &raw.Object{}
	if err := json.NewDecoder(r.Body).Decode(said); err != nil && err != io.EOF {
		return refuse(http.StatusBadRequest, "parseError", "%v", err)
	}
	if said.ContentType == "" {
		said.ContentType = r.Header.Get("X-Upload-Content-Type")
	}
	id := strconv.Itoa(len(s.sessions) + 1)
	s.sessions[id] = &session{said: said, q: q}
	w.Header().Set("Location", s.http.URL+r.URL.EscapedPath()+"?uploadType=resumable&upload_id="+id)
	w.WriteHeader(http.StatusOK)
	return nil
}

// resume takes a chunk. Content-Range is "bytes a-b/total", with * for a total that is not known yet, or "bytes */total"
// to ask or to end.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, id string) (*object, error) {
	u := s.sessions[id]
	if u == nil {
		return nil, refuse(http.StatusNotFound, "notFound", "No such upload")
	}
	chunk, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	span, total, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	switch {
	case !ok: // all of it in one request
		u.data, total = chunk, strconv.Itoa(len(chunk))
	case span != "*":
		a, _, _ := strings.Cut(span, "-")
		if from, err := strconv.Atoi(a); err != nil || from != len(u.data) {
			return nil, refuse(http.StatusBadRequest, "invalid", "the chunk starts at %s, expected %d", a, len(u.data))
		}
		u.data = append(u.data, chunk...)
	}
	if total != strconv.Itoa(len(u.data)) {
		if len(u.data) > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.data)-1))
		}
		if r.Header.Get("X-GUploader-No-308") == "yes" { // as Google's own clients ask
			w.Header().Set("X-HTTP-Status-Code-Override", "308")
		} else {
			w.WriteHeader(http.StatusPermanentRedirect)
		}
		return nil, nil
	}
	if h := r.Header.Get("X-Goog-Hash"); h != "" && u.said.Crc32c == "" {
		u.said.Crc32c = strings.TrimPrefix(h, "crc32c=")
	}
	delete(s.sessions, id)
	return s.create(nameOf(u.said, u.q), u.said, u.data, u.q)
}

func nameOf(said *raw.Object, q url.Values) string {
	if q.Has("name") {
		return q.Get("name")
	}
	return said.Name
}
