package changefeed

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// mostForOne is far more than a block may take, and far less than what a few bytes could ask for.
const mostForOne = 16 * mostBlock

// allocated is how many bytes f took from the heap in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzLog reads what claims to be a file of events. It is read, or refused with its name, in bounded memory; and it has an event that counts only if the event's subject stands in it.
func FuzzLog(f *testing.F) {
	for _, codec := range []ocf.Opt{ocf.WithCodec(ocf.DeflateCodec(1)), ocf.WithCodec(ocf.SnappyCodec()), ocf.WithCodec(ocf.MustZstdCodec(nil, nil))} {
		var b bytes.Buffer
		w, err := ocf.NewWriter(&b, avro.MustParse(schema), codec)
		if err != nil {
			f.Fatal(err)
		}
		for _, subject := range []string{blob("training", "c4/a"), blob("training", "x")} {
			if err := w.Encode(&blobEvent{SchemaVersion: 1, Subject: subject, EventType: "BlobCreated"}); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := mem.New(mem.Options{})
		const key = "log/00/2026/11/26/1300/00000.avro"
		o, err := s.Put(t.Context(), key, b, store.WriteOptions{Condition: store.Always()})
		if err != nil {
			t.Fatal(err)
		}
		r := reader{Store: s, ctx: t.Context(), subject: blob("training", "c4/")}
		var n int64
		if took := allocated(func() { n, err = r.log(o, 0) }); took > mostForOne+64*uint64(len(b)) {
			t.Errorf("%d bytes take %d bytes of memory", len(b), took)
		}
		if err != nil && !strings.Contains(err.Error(), key) {
			t.Error(err)
		}
		if n < 0 || r.found && n == 0 && err == nil {
			t.Errorf("%d events, found %v", n, r.found)
		}
		again := reader{Store: s, ctx: t.Context(), subject: r.subject}
		if m, _ := again.log(o, n); m != n || again.found {
			t.Errorf("%d events at first, then %d; an event that was read is found again: %v", n, m, again.found)
		}
	})
}

// FuzzFeed reads what claims to be the description of a feed and of a segment, with whatever cursor: the cursor stays where something is wrong, and never goes back.
func FuzzFeed(f *testing.F) {
	f.Add([]byte(`{"lastConsumable":"2026-11-26T13:00:00Z"}`), []byte(`{"status":"Finalized","chunkFilePaths":["$blobchangefeed/log/00/2026/11/26/1300/"]}`),
		`{"index":"e","segment":"2026/11/26/1200","open":{"2026/11/26/1200":{"a":1}}}`)
	f.Add([]byte(`{"lastConsumable":"0001-01-01T00:00:00Z"}`), []byte(`{}`), `{"segment":"2026/11/26/1300"}`)
	f.Fuzz(func(t *testing.T, index, segment []byte, cursor string) {
		s := mem.New(mem.Options{})
		for key, b := range map[string][]byte{indexKey: index, segmentsPrefix + "2026/11/26/1300/meta.json": segment, segmentsPrefix + "2026/11/26/oddly/meta.json": segment} {
			if _, err := s.Put(t.Context(), key, b, store.WriteOptions{Condition: store.Always()}); err != nil {
				t.Fatal(err)
			}
		}
		c := ParseCursor(cursor)
		if again := ParseCursor(c.String()); again.String() != c.String() {
			t.Errorf("%q is read as %q", c, again)
		}
		changed, next, err := Read(t.Context(), s, "training", "c4/", c)
		if err != nil && (next.String() != c.String() || !changed) {
			t.Errorf("%v, and the cursor moves from %q to %q, changed %v", err, c, next, changed)
		}
		if _, ok := timeOf(next.Segment); err == nil && next.Index != c.Index && !ok {
			t.Errorf("the cursor is %q", next)
		}
		if _, err := s.Head(t.Context(), indexKey); err != nil {
			t.Error(err)
		}
	})
}
