package gcstest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	raw "google.golang.org/api/storage/v1"
)

const maxComposed = 32

// compose concatenates sources of one class into a composite of that class, which has no MD5.
func (s *Server) compose(r *http.Request, name string) (*raw.Object, error) {
	var req raw.ComposeRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, refuse(http.StatusBadRequest, "parseError", "%v", err)
	}
	if n := len(req.SourceObjects); n == 0 || n > maxComposed {
		return nil, refuse(http.StatusBadRequest, "invalid", "The number of source components provided (%d) must be between 1 and %d.", n, maxComposed)
	}
	if req.Destination == nil {
		return nil, refuse(http.StatusBadRequest, "required", "Required: destination")
	}
	var data []byte
	var sources []*object
	var components int64
	for _, src := range req.SourceObjects {
		o := s.live(src.Name)
		if src.Generation != 0 {
			o = s.at(src.Name, src.Generation)
		}
		if o == nil {
			return nil, refuse(http.StatusNotFound, "notFound", "Object %s (generation: %d) not found.", src.Name, src.Generation)
		}
		if p := src.ObjectPreconditions; p != nil {
			if err := preconditions(url.Values{"ifGenerationMatch": {strconv.FormatInt(p.IfGenerationMatch, 10)}}, "if", o, 0); err != nil {
				return nil, err
			}
		}
		if len(sources) > 0 && o.StorageClass != sources[0].StorageClass {
			return nil, refuse(http.StatusBadRequest, "invalid", "The source objects must all have the same storage class.")
		}
		sources, data, components = append(sources, o), append(data, o.data...), components+max(1, o.ComponentCount)
	}
	said := *req.Destination
	said.StorageClass, said.Md5Hash = sources[0].StorageClass, ""
	made, err := s.create(name, &said, data, r.URL.Query())
	if err != nil {
		return nil, err
	}
	made.Md5Hash, made.ComponentCount = "", components
	if req.DeleteSourceObjects {
		for _, o := range sources {
			s.erase(o)
		}
	}
	return &made.Object, nil
}

// rewriting is a copy that takes several calls.
type rewriting struct {
	source, destination string
	generation          int64
	done                int64
}

// rewrite copies an object, RewriteBytes a call. What the request says of the destination replaces all that the source has;
// if it says nothing, the copy is like the source but for the storage class.
func (s *Server) rewrite(r *http.Request, source, destination string) (*raw.RewriteResponse, error) {
	q := r.URL.Query()
	from := s.live(source)
	if generation, present, err := number(q, "sourceGeneration"); err != nil {
		return nil, err
	} else if present {
		from = s.at(source, generation)
	}
	if from == nil {
		return nil, refuse(http.StatusNotFound, "notFound", "No such object: %s/%s", s.options.Bucket, source)
	}
	if err := preconditions(q, "ifSource", from, http.StatusPreconditionFailed); err != nil {
		return nil, err
	}
	if err := preconditions(q, "if", s.live(destination), http.StatusPreconditionFailed); err != nil {
		return nil, err
	}
	var said raw.Object
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil && err != io.EOF {
		return nil, refuse(http.StatusBadRequest, "parseError", "%v", err)
	}
	token, w, err := s.proceed(q.Get("rewriteToken"), source, destination, from)
	if err != nil {
		return nil, err
	}
	resp := &raw.RewriteResponse{Kind: "storage#rewriteResponse", ObjectSize: int64(from.Size), TotalBytesRewritten: w.done}
	if w.done < int64(from.Size) {
		resp.RewriteToken = token
		return resp, nil
	}
	delete(s.rewrites, token)
	if said.ContentType == "" && said.ContentEncoding == "" && said.StorageClass == "" && len(said.Metadata) == 0 {
		class := said.StorageClass
		said = from.Object
		said.StorageClass = class
	}
	said.Crc32c, said.Md5Hash = "", ""
	made, err := s.create(destination, &said, from.data, url.Values{"kmsKeyName": q["destinationKmsKeyName"]})
	if err != nil {
		return nil, err
	}
	made.Md5Hash = from.Md5Hash
	if made.ComponentCount = from.ComponentCount; made.StorageClass != from.StorageClass && from.ComponentCount > 0 {
		made.ComponentCount = 1
	}
	resp.Done, resp.Resource = true, &made.Object
	return resp, nil
}

// proceed begins or goes on with a rewrite.
func (s *Server) proceed(token, source, destination string, from *object) (string, *rewriting, error) {
	w := &rewriting{source: source, destination: destination, generation: from.Generation}
	if token != "" {
		if w = s.rewrites[token]; w == nil || w.source != source || w.destination != destination || w.generation != from.Generation {
			return "", nil, refuse(http.StatusBadRequest, "invalid", "The rewrite token is invalid.")
		}
	} else {
		token = "rewrite-" + strconv.Itoa(len(s.rewrites)+1) + "-" + strconv.FormatInt(s.generation, 10)
	}
	step := s.options.RewriteBytes
	if step == 0 {
		step = int64(from.Size)
	}
	w.done = min(w.done+step, int64(from.Size))
	s.rewrites[token] = w
	return token, w, nil
}
