package mem_test

import (
	"hash/crc32"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func TestConformance(t *testing.T) {
	for name, o := range map[string]mem.Options{
		"plain":        {Parts: store.PartLimits{MinBytes: 1}},
		"like-s3":      {},
		"versions":     {Parts: store.PartLimits{MinBytes: 1000}, Versions: true},
		"no-checksums": {Parts: store.PartLimits{MinBytes: 1}, ObjectChecksums: []string{}, CopyMaxBytes: -1},
		"strict-names": {Parts: store.PartLimits{MinBytes: 1}, Names: store.NameRules{MaxBytes: 1024, DotSegments: true, EmptySegments: true,
			TrailingSlash: true, TrailingDot: true, Backslash: true, CRLF: true, Control: true, MaxSegmentBytes: 255}},
	} {
		t.Run(name, func(t *testing.T) {
			s := mem.New(o)
			storetest.Run(t, s, storetest.Options{})
			empty(t, s)
		})
	}
}

// empty wants the suite to have left nothing.
func empty(t *testing.T, s store.Store) {
	t.Helper()
	p, err := s.List(t.Context(), store.ListOptions{})
	if err != nil || len(p.Objects) > 0 {
		t.Errorf("left behind: %d objects, %v", len(p.Objects), err)
	}
	if us, err := s.ListUploads(t.Context(), ""); err != nil || len(us) > 0 {
		t.Errorf("left behind: %d uploads, %v", len(us), err)
	}
}

func part(number int, off int64, b []byte) store.PartInput {
	return store.PartInput{Number: number, Offset: off, Data: b, CRC64NVME: crc64nvme.Checksum(b), CRC32C: crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))}
}
