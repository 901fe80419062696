package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
)

// memoryURL is a bucket of this test's own, and the object with these bytes that stands in it.
func memoryURL(t *testing.T, key string, data []byte) (store.Store, store.Object, string) {
	t.Helper()
	bucket := "mem://" + strings.ToLower(t.Name())
	s, err := open.Open(t.Context(), bucket, open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Put(t.Context(), key, data, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	return s, o, bucket
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

func runHere(ctx context.Context, in io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, streams{in: in, out: &out, err: &errs})
	return code, out.String(), errs.String()
}

// parsed reads the document of digest --json, which has the documented fields and no others.
func parsed(t *testing.T, document string) (list []struct {
	Name      string   `json:"name"`
	Size      int64    `json:"size"`
	Digest    string   `json:"digest"`
	CRC64NVME string   `json:"crc64nvme"`
	CRC32C    string   `json:"crc32c"`
	Digests   []string `json:"digests"`
	Algorithm string   `json:"algorithm"`
	MinBytes  int64    `json:"min_bytes"`
	AvgBytes  int64    `json:"avg_bytes"`
	MaxBytes  int64    `json:"max_bytes"`
	Count     int      `json:"chunk_count"`
	Chunks    []struct {
		Offset int64  `json:"offset"`
		Length int64  `json:"length"`
		Digest string `json:"digest"`
	} `json:"chunks"`
}) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return list
}

func blake(b []byte) string { return fmt.Sprintf("blake3:%x", blake3.Sum256(b)) }

// An object is read in several ranges, a file and standard input in one go: what is printed differs by name alone, and
// another implementation of BLAKE3 finds the same, of the whole and of every chunk.
func TestDigestReadsObjectsAsFiles(t *testing.T) {
	data := noise(1, 2*rangeBytes+12345)
	_, _, bucket := memoryURL(t, "a folder/50%.tar", data)
	file := filepath.Join(t.TempDir(), "50% #1.tar")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	object := bucket + "/a%20folder/50%25.tar"
	code, out, errs := runHere(t.Context(), bytes.NewReader(data), "digest", "--json", "--chunks", object, file, "-", object)
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	list := parsed(t, out)
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
		if d.Size != int64(len(data)) || d.Digest != blake(data) || d.CRC32C != fmt.Sprintf("%08x", crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))) {
			t.Errorf("%s: %d bytes, %s, %s", d.Name, d.Size, d.Digest, d.CRC32C)
		}
		if d.CRC64NVME != list[0].CRC64NVME || d.Count != len(d.Chunks) || !slices.Equal(d.Chunks, list[0].Chunks) {
			t.Errorf("%s: other checksums or chunks than %s", d.Name, list[0].Name)
		}
	}
	if want := []string{object, file, "-", object}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	at := int64(0)
	for i, c := range list[0].Chunks {
		if c.Offset != at || c.Digest != blake(data[at:at+c.Length]) {
			t.Fatalf("chunk %d: %+v, want offset %d", i, c, at)
		}
		at += c.Length
	}
	if at != int64(len(data)) {
		t.Errorf("chunks of %d bytes together, want %d", at, len(data))
	}
	if _, out, _ := runHere(t.Context(), nil, "digest", "--json", file); strings.Contains(out, `"chunks"`) {
		t.Error("chunks that nobody asked for")
	}
}

// Bytes of two versions have no digest: neither an object's nor a file's.
func TestDigestRefusesWhatChanges(t *testing.T) {
	data := noise(2, rangeBytes+1)
	s, o, bucket := memoryURL(t, "k", data)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	in := &digestInputs{stores: map[string]store.Store{}, objects: map[string]digestObject{}}
	if n, size := in.find(t.Context(), []string{bucket + "/k", file, bucket + "/absent"}); n != 1 || size != int64(len(data)) {
		t.Errorf("found %d objects of %d bytes", n, size)
	}
	for _, c := range []struct {
		arg    string
		change func() error
	}{
		{bucket + "/k", func() error {
			_, err := s.Put(t.Context(), "k", noise(3, len(data)), store.WriteOptions{Condition: store.IfMatch(o.ETag)})
			return err
		}},
		{file, func() error { // shorter, with the old time
			info, err := os.Stat(file)
			return errors.Join(err, os.Truncate(file, rangeBytes), os.Chtimes(file, time.Time{}, info.ModTime()))
		}},
		{file, func() error { return os.Chtimes(file, time.Time{}, time.Unix(1e9, 0)) }},
	} {
		r, _, err := in.open(t.Context(), c.arg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		if !errors.Is(err, store.ErrChanged) || !strings.Contains(err.Error(), "try again when it is complete") {
			t.Errorf("%s: %v", c.arg, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

func TestDigestExitCodesOfURLs(t *testing.T) {
	_, _, bucket := memoryURL(t, "k", nil)
	for _, c := range []struct {
		arg  string
		code int
		want string
	}{
		{bucket + "/k", exitOK, ""},
		{bucket + "/absent", exitSource, "check bucket and key"},
		{bucket + "/", exitUsage, "names no object; add its key"},
		{bucket + "/50%.tar", exitUsage, "escape special characters"},
		{bucket + "/k#2", exitUsage, "%23"},
		{"s3://bucket/k?regoin=x", exitUsage, "did you mean region?"},
		{"s4://bucket/k", exitUsage, "did you mean s3?"},
		{"s3://key:CaNaRy@bucket/k", exitUsage, "credentials do not belong"},
		{"file://host/k", exitUsage, "three slashes"},
		{"file:///no/such/file", exitSource, "check the path"},
		{"digest_test.go/x", exitSource, "check the path"},
	} {
		code, out, errs := runHere(t.Context(), nil, "digest", c.arg)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, "CaNaRy") {
			t.Errorf("%s: exit code %d, want %d: %s", c.arg, code, c.code, errs)
		}
		if (out == "") != (c.code != exitOK) {
			t.Errorf("%s: printed %q", c.arg, out)
		}
	}
	if err := fileError(&fs.PathError{Op: "open", Path: "f", Err: fs.ErrPermission}); exitCode(t.Context(), err) != exitAuth {
		t.Errorf("no right to read: %v", err)
	}
}

// Whoever forgets the file's name and waits can leave.
func TestDigestOfSilentInputIsInterruptible(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent, w := io.Pipe()
	defer w.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if code, out, errs := runHere(ctx, silent, "digest", "-"); code != exitInterrupt || out != "" || !strings.Contains(errs, "interrupted") {
		t.Errorf("exit code %d: %q, %s", code, out, errs)
	}
}

// What streams cannot tell beforehand the progress learns as it comes.
func TestDigestProgress(t *testing.T) {
	data := noise(4, 3<<20)
	_, _, errs := runHere(t.Context(), bytes.NewReader(data), "digest", "--progress", "json", "-")
	if last := errs[strings.LastIndex(strings.TrimSpace(errs), "\n")+1:]; !strings.Contains(last, `"event":"end","moved_bytes":3145728,"resumed_bytes":0,"total_bytes":3145728,"shards_done":1,`) {
		t.Errorf("ends with %s", last)
	}
}
