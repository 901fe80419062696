package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// double is an S3 server that is strict about what it is sent: a body has a length, exactly one checksum, which must be
// right, and neither chunked framing nor a payload hash. It knows only the checksums in its list.
type double struct {
	*httptest.Server
	knows []string // "crc64nvme", "crc32c"; Content-MD5 is always known
	// ignores: an unknown checksum header is ignored instead of refused.
	ignores bool
	// on may answer in place of the server: it is called with the operation's name, and true ends the request.
	on func(op string, w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	objects  map[string]*doubled
	uploads  map[string]*doubledUpload
	requests []string
	rawPaths []string
	faults   []string // of requests that no server should be sent
}

type doubled struct {
	data      []byte
	etag      string
	header    http.Header // checksum headers
	composite string
}

type doubledUpload struct {
	key, algorithm string
	parts          map[int][]byte
}

func newDouble(t *testing.T, d *double) *double {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "doubleid")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "double-secret-value")
	t.Setenv("AWS_SESSION_TOKEN", "double-session-value")
	d.objects, d.uploads = map[string]*doubled{}, map[string]*doubledUpload{}
	d.Server = httptest.NewServer(d)
	t.Cleanup(func() {
		d.Close()
		for _, f := range d.faults {
			t.Error("the double was sent: " + f)
		}
	})
	return d
}

func (d *double) open(t *testing.T) *Store {
	t.Helper()
	return open(t, "s3://bkt?region=us-east-1&use_path_style=true&endpoint="+d.URL, Options{})
}

func (d *double) count(op string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, r := range d.requests {
		if r == op {
			n++
		}
	}
	return n
}

func operation(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case key == "" && r.Method == "HEAD":
		return "HeadBucket"
	case q.Has("versioning"):
		return "GetBucketVersioning"
	case q.Has("object-lock"):
		return "GetObjectLockConfiguration"
	case key == "":
		return "ListObjectsV2"
	case r.Method == "POST" && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == "POST":
		return "CompleteMultipartUpload"
	case r.Method == "GET" && q.Has("uploadId"):
		return "ListParts"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == "PUT" && q.Has("uploadId"):
		return "UploadPart"
	case r.Method == "PUT" && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	}
	return map[string]string{"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}[r.Method]
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bkt"), "/")
	op := operation(r, key)
	d.mu.Lock()
	d.requests = append(d.requests, op)
	d.rawPaths = append(d.rawPaths, r.URL.EscapedPath())
	on := d.on
	d.mu.Unlock()
	if on != nil && on(op, w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") == "" {
		d.faults = append(d.faults, op+" without a signature")
	}
	switch op {
	case "ListObjectsV2":
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
	case "HeadBucket":
		w.Header().Set("X-Amz-Bucket-Region", "us-east-1")
	case "GetBucketVersioning":
		fmt.Fprint(w, `<VersioningConfiguration/>`)
	case "GetObjectLockConfiguration":
		refuse(w, 404, "ObjectLockConfigurationNotFoundError", "none")
	case "HeadObject", "GetObject":
		d.get(w, r, key)
	case "PutObject":
		if d.conditions(w, r, key) && d.check(w, r, op, body) {
			o := &doubled{data: body, etag: md5Hex(body), header: http.Header{}}
			for _, k := range d.knows {
				if v := r.Header.Get("X-Amz-Checksum-" + k); v != "" {
					o.header.Set("X-Amz-Checksum-"+k, v)
					w.Header().Set("X-Amz-Checksum-"+k, v)
				}
			}
			d.objects[key] = o
			w.Header().Set("ETag", `"`+o.etag+`"`)
		}
	case "CreateMultipartUpload":
		d.create(w, r, key)
	case "UploadPart":
		u := d.uploads[r.URL.Query().Get("uploadId")]
		if u == nil {
			refuse(w, 404, "NoSuchUpload", "gone")
			return
		}
		if d.check(w, r, op, body) {
			n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
			u.parts[n] = body
			w.Header().Set("ETag", `"`+md5Hex(body)+`"`)
			for _, k := range d.knows {
				if v := r.Header.Get("X-Amz-Checksum-" + k); v != "" {
					w.Header().Set("X-Amz-Checksum-"+k, v)
				}
			}
		}
	case "ListParts":
		if d.uploads[r.URL.Query().Get("uploadId")] == nil {
			refuse(w, 404, "NoSuchUpload", "gone")
			return
		}
		fmt.Fprint(w, `<ListPartsResult/>`)
	case "AbortMultipartUpload":
		delete(d.uploads, r.URL.Query().Get("uploadId"))
		w.WriteHeader(204)
	case "CompleteMultipartUpload":
		d.complete(w, r, key, body)
	default:
		d.faults = append(d.faults, "an unexpected "+op)
		refuse(w, 501, "NotImplemented", op)
	}
}

// check is what makes the double strict.
func (d *double) check(w http.ResponseWriter, r *http.Request, op string, body []byte) bool {
	if r.ContentLength < 0 || r.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" ||
		strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") || r.Header.Get("X-Amz-Trailer") != "" {
		d.faults = append(d.faults, fmt.Sprintf("%s with length %d and headers %v", op, r.ContentLength, r.Header))
	}
	var sent []string
	for h, v := range r.Header {
		name, ok := strings.CutPrefix(strings.ToLower(h), "x-amz-checksum-")
		if !ok {
			continue
		}
		sent = append(sent, name)
		if !slices.Contains(d.knows, name) {
			if d.ignores {
				continue
			}
			refuse(w, 400, "InvalidRequest", "unknown header")
			return false
		}
		if v[0] != sumOf(name, body) {
			refuse(w, 400, "BadDigest", name)
			return false
		}
	}
	if v := r.Header.Get("Content-Md5"); v != "" {
		sent = append(sent, "md5")
		if sum := md5.Sum(body); v != base64.StdEncoding.EncodeToString(sum[:]) {
			refuse(w, 400, "BadDigest", "md5")
			return false
		}
	}
	if len(sent) != 1 {
		d.faults = append(d.faults, fmt.Sprintf("%s with the checksums %v", op, sent))
	}
	return true
}

func (d *double) conditions(w http.ResponseWriter, r *http.Request, key string) bool {
	o := d.objects[key]
	match := strings.Trim(r.Header.Get("If-Match"), `"`)
	switch {
	case match != "" && o == nil:
		refuse(w, 404, "NoSuchKey", "no such key") // as AWS does
	case (match != "" && o.etag != match) || (r.Header.Get("If-None-Match") == "*" && o != nil):
		refuse(w, 412, "PreconditionFailed", "no")
	default:
		return true
	}
	return false
}

func (d *double) get(w http.ResponseWriter, r *http.Request, key string) {
	o := d.objects[key]
	if o == nil {
		refuse(w, 404, "NoSuchKey", "no such key")
		return
	}
	for k, v := range o.header {
		w.Header()[k] = v
	}
	if len(o.header) > 0 {
		w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	if o.composite != "" {
		w.Header().Set("X-Amz-Checksum-Crc32c", o.composite)
		w.Header().Set("X-Amz-Checksum-Type", "COMPOSITE")
	}
	w.Header().Set("ETag", `"`+o.etag+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
	if r.Method == "GET" {
		_, _ = w.Write(o.data)
	}
}

func (d *double) create(w http.ResponseWriter, r *http.Request, key string) {
	algorithm := strings.ToLower(r.Header.Get("X-Amz-Checksum-Algorithm"))
	if algorithm != "" && !slices.Contains(d.knows, algorithm) {
		if !d.ignores {
			refuse(w, 400, "InvalidRequest", "Checksum algorithm provided is unsupported")
			return
		}
		algorithm = ""
	}
	if algorithm != "" {
		w.Header().Set("X-Amz-Checksum-Algorithm", strings.ToUpper(algorithm))
		w.Header().Set("X-Amz-Checksum-Type", map[string]string{"crc64nvme": "FULL_OBJECT", "crc32c": "COMPOSITE"}[algorithm])
	}
	id := fmt.Sprint("upload-", len(d.requests))
	d.uploads[id] = &doubledUpload{key: key, algorithm: algorithm, parts: map[int][]byte{}}
	fmt.Fprintf(w, `<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, id)
}

func (d *double) complete(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	id := r.URL.Query().Get("uploadId")
	u := d.uploads[id]
	if u == nil {
		refuse(w, 404, "NoSuchUpload", "gone")
		return
	}
	if !d.conditions(w, r, key) {
		return
	}
	var in struct {
		Part []struct{ PartNumber int }
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		d.faults = append(d.faults, "a completion that is not XML")
	}
	o := &doubled{header: http.Header{}}
	var md5s, crcs []byte
	for _, p := range in.Part {
		part := u.parts[p.PartNumber]
		o.data = append(o.data, part...)
		sum := md5.Sum(part)
		md5s = append(md5s, sum[:]...)
		crc, _ := base64.StdEncoding.DecodeString(sumOf("crc32c", part))
		crcs = append(crcs, crc...)
	}
	o.etag = fmt.Sprintf("%s-%d", md5Hex(md5s), len(in.Part))
	switch u.algorithm {
	case "crc64nvme":
		o.header.Set("X-Amz-Checksum-Crc64nvme", sumOf("crc64nvme", o.data))
		if v := r.Header.Get("X-Amz-Checksum-Crc64nvme"); v != "" && v != sumOf("crc64nvme", o.data) {
			refuse(w, 400, "BadDigest", "crc64nvme")
			return
		}
	case "crc32c":
		o.composite = fmt.Sprintf("%s-%d", sumOf("crc32c", crcs), len(in.Part))
	}
	d.objects[key] = o
	delete(d.uploads, id)
	fmt.Fprintf(w, `<CompleteMultipartUploadResult><ETag>"%s"</ETag></CompleteMultipartUploadResult>`, o.etag)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amz-Request-Id", "REQ1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func sumOf(algorithm string, b []byte) string {
	if algorithm == "crc64nvme" {
		return *base64Of(store.Hex64(crc64nvme.Checksum(b)))
	}
	return *base64Of(store.Hex32(crc32.Checksum(b, castagnoli)))
}
