package gcstest

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	raw "google.golang.org/api/storage/v1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// object is one generation of a name.
type object struct {
	raw.Object
	data []byte
	live bool
}

func crc32c(b []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli)))
}

func md5Hash(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// live is the generation that stands under a name, nil if none does.
func (s *Server) live(name string) *object {
	if v := s.objects[name]; len(v) > 0 && v[len(v)-1].live {
		return v[len(v)-1]
	}
	return nil
}

// at is a generation of a name, nil if it is not kept.
func (s *Server) at(name string, generation int64) *object {
	for _, o := range s.objects[name] {
		if o.Generation == generation {
			return o
		}
	}
	return nil
}

// find is the object that a request names, if its preconditions hold.
func (s *Server) find(name string, q url.Values) (*object, error) {
	o := s.live(name)
	if generation, present, err := number(q, "generation"); err != nil {
		return nil, err
	} else if present {
		o = s.at(name, generation)
	}
	if o == nil {
		return nil, refuse(http.StatusNotFound, "notFound", "No such object: %s/%s", s.options.Bucket, name)
	}
	return o, preconditions(q, "if", o, http.StatusNotModified)
}

// preconditions compares parameters such as ifGenerationMatch and, with the prefix ifSource, those of a copy's source. An
// absent object has the generation 0. notMatch is the answer where a NotMatch fails: 304 for reads.
func preconditions(q url.Values, prefix string, o *object, notMatch int) error {
	var generation, metageneration int64
	if o != nil {
		generation, metageneration = o.Generation, o.Metageneration
	}
	for name, is := range map[string]int64{"Generation": generation, "Metageneration": metageneration} {
		want, present, err := number(q, prefix+name+"Match")
		if err != nil {
			return err
		}
		if present && want != is {
			return refuse(http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		}
		not, present, err := number(q, prefix+name+"NotMatch")
		if err != nil {
			return err
		}
		if present && not == is {
			return refuse(notMatch, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		}
	}
	return nil
}

// create makes a new generation of a name from what a request says of it, if its preconditions and checksums hold.
func (s *Server) create(name string, said *raw.Object, data []byte, q url.Values) (*object, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := checksums(said, data); err != nil {
		return nil, err
	}
	old := s.live(name)
	if err := preconditions(q, "if", old, http.StatusPreconditionFailed); err != nil {
		return nil, err
	}
	s.generation++
	now := time.Now().UTC().Format(time.RFC3339Nano)
	o := &object{data: slices.Clone(data), live: true, Object: raw.Object{
		Kind: "storage#object", Bucket: s.options.Bucket, Name: name, Size: uint64(len(data)),
		Generation: s.generation, Metageneration: 1, TimeCreated: now, Updated: now, TimeStorageClassUpdated: now,
		Crc32c: crc32c(data), Md5Hash: md5Hash(data), Etag: fmt.Sprintf("etag-%d/1", s.generation),
		ContentType: said.ContentType, ContentEncoding: said.ContentEncoding, ContentDisposition: said.ContentDisposition,
		ContentLanguage: said.ContentLanguage, CacheControl: said.CacheControl, Metadata: maps.Clone(said.Metadata),
		StorageClass: said.StorageClass, KmsKeyName: q.Get("kmsKeyName"),
	}}
	if o.StorageClass == "" {
		o.StorageClass = s.options.StorageClass
	}
	if old != nil {
		s.retire(old)
	}
	s.objects[name] = append(s.objects[name], o)
	return o, nil
}

// retire makes an object noncurrent, or removes it if the bucket keeps no versions.
func (s *Server) retire(o *object) {
	o.live = false
	if !s.options.Versioning {
		s.erase(o)
	}
}

func (s *Server) erase(o *object) {
	s.objects[o.Name] = slices.DeleteFunc(s.objects[o.Name], func(x *object) bool { return x == o })
	if len(s.objects[o.Name]) == 0 {
		delete(s.objects, o.Name)
	}
}

// delete removes the named generation for good, or else retires the live one.
func (s *Server) delete(name string, q url.Values) error {
	o, err := s.find(name, q)
	if err != nil {
		if e := refusalOf(err); e.code == http.StatusNotModified {
			e.code = http.StatusPreconditionFailed
			return e
		}
		return err
	}
	if q.Has("generation") {
		s.erase(o)
	} else {
		s.retire(o)
	}
	return nil
}

func checksums(said *raw.Object, data []byte) error {
	if got := crc32c(data); said.Crc32c != "" && said.Crc32c != got {
		return refuse(http.StatusBadRequest, "invalid", "Provided CRC32C %q doesn't match calculated CRC32C %q.", said.Crc32c, got)
	}
	if got := md5Hash(data); said.Md5Hash != "" && said.Md5Hash != got {
		return refuse(http.StatusBadRequest, "invalid", "Provided MD5 hash %q doesn't match calculated MD5 hash %q.", said.Md5Hash, got)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "", name == ".", name == "..", len(name) > 1024, !utf8.ValidString(name),
		strings.ContainsAny(name, "\r\n"), strings.HasPrefix(name, ".well-known/acme-challenge/"):
		return refuse(http.StatusBadRequest, "invalid", "Invalid object name %q", name)
	}
	return nil
}
