package s3

import (
	"bytes"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// BenchmarkUploadPart and BenchmarkReadRange are of 8 MiB, the part size of the default configuration, through a real
// server on this machine; the server's CPU time is in the time, not in the allocations.
func BenchmarkUploadPart(b *testing.B) {
	s := openServer(b)
	u, err := s.CreateUpload(b.Context(), "k", store.UploadOptions{})
	if err != nil {
		b.Fatal(err)
	}
	in := partOf(1, 0, bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16))
	b.SetBytes(int64(len(in.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.UploadPart(b.Context(), u, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadRange(b *testing.B) {
	s := openServer(b)
	p := bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16)
	o, err := s.Put(b.Context(), "k", p, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.ReadRange(b.Context(), o.Ref(), 0, p); err != nil {
			b.Fatal(err)
		}
	}
}
