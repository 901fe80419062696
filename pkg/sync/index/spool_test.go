package index

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// Entries come back as they were listed, from memory and from the file.
func TestEntriesComeBack(t *testing.T) {
	for _, n := range []int{1, 100, 200_000} {
		var s spool
		want := make([]Entry, n)
		for i := range want {
			want[i] = Entry{
				Path: fmt.Sprintf("shard-%06d with a longer name", i), Size: int64(i) << 20, ETag: fmt.Sprintf(`"%x"`, i*7919), Version: "v",
				Modified: time.Unix(int64(i), 12345).UTC(), Stored: store.Checksums{MD5: "d41d8cd98f00b204e9800998ecf8427e"}, ContentType: "a/b",
			}
			if err := s.add(want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if onDisk := s.file != nil; onDisk != (n > 150_000) {
			t.Errorf("%d entries: on disk %v", n, onDisk)
		}
		for range 2 {
			got, err := s.entries(n)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d entries: %s", n, diff)
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMarkerIsNoticed(t *testing.T) {
	m := mem.New(mem.Options{})
	for _, key := range []string{"d/a", "d/_SUCCESS"} {
		if _, err := m.Put(context.Background(), key, []byte("x"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Fatal(err)
		}
	}
	for marker, want := range map[string]bool{"": false, "_SUCCESS": true, "other": false} {
		l, err := List(context.Background(), m, Dataset{Name: "d", Prefix: "d/", Marker: marker}, time.Now(), nil)
		if err != nil || l.HasMarker != want || l.Count != 2 {
			t.Errorf("%q: %+v, %v", marker, l, err)
		}
	}
}
