package changefeed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// schema of the events, as the documentation describes them (schema version 1, with a part of its data).
const schema = `{
  "type": "record", "name": "BlobChangeEvent", "namespace": "com.microsoft.azure.storage.blobs.changefeed",
  "fields": [
    {"name": "schemaVersion", "type": "int"},
    {"name": "topic", "type": "string"},
    {"name": "subject", "type": "string"},
    {"name": "eventType", "type": {"type": "enum", "name": "EventType", "symbols": ["UnspecifiedEventType", "BlobCreated", "BlobDeleted", "BlobPropertiesUpdated", "BlobSnapshotCreated", "Control"]}},
    {"name": "eventTime", "type": "string"},
    {"name": "id", "type": "string"},
    {"name": "data", "type": {"type": "record", "name": "BlobChangeEventData", "fields": [
      {"name": "api", "type": "string"},
      {"name": "etag", "type": "string"},
      {"name": "contentLength", "type": "long"},
      {"name": "previousInfo", "type": ["null", {"type": "map", "values": "string"}]},
      {"name": "storageDiagnostics", "type": {"type": "map", "values": "string"}}
    ]}}
  ]
}`

type blobEvent struct {
	SchemaVersion int32    `avro:"schemaVersion"`
	Topic         string   `avro:"topic"`
	Subject       string   `avro:"subject"`
	EventType     string   `avro:"eventType"`
	EventTime     string   `avro:"eventTime"`
	ID            string   `avro:"id"`
	Data          blobData `avro:"data"`
}

type blobData struct {
	API                string             `avro:"api"`
	ETag               string             `avro:"etag"`
	ContentLength      int64              `avro:"contentLength"`
	PreviousInfo       *map[string]string `avro:"previousInfo"`
	StorageDiagnostics map[string]string  `avro:"storageDiagnostics"`
}

// feed is an account's change feed as it grows.
type feed struct {
	t    *testing.T
	s    store.Store
	n    int
	logs map[string][]blobEvent
	// index has the requests be counted.
	counts map[string]int
}

func newFeed(t *testing.T, s store.Store) *feed {
	f := &feed{t: t, s: s, logs: map[string][]blobEvent{}, counts: map[string]int{}}
	f.put("idx/segments/1601/01/01/0000/meta.json", `{"version": 0, "begin": "1601-01-01T00:00:00.000Z", "intervalSecs": 3600, "status": "Finalized", "chunkFilePaths": []}`)
	return f
}

func (f *feed) put(key, content string) {
	f.t.Helper()
	if _, err := f.s.Put(f.t.Context(), key, []byte(content), store.WriteOptions{Condition: store.Always()}); err != nil {
		f.t.Fatal(err)
	}
}

// event is appended to a log file of a segment.
func (f *feed) event(at, shard, file, subject, kind string) {
	f.t.Helper()
	f.n++
	key := "log/" + shard + "/" + at + "/" + file + ".avro"
	f.logs[key] = append(f.logs[key], blobEvent{
		SchemaVersion: 1, Topic: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme", Subject: subject, EventType: kind,
		EventTime: "2026-11-26T13:00:00.4003102Z", ID: fmt.Sprint(f.n), Data: blobData{API: "PutBlob", ETag: "0x8D9F2155CBF7928", ContentLength: 128},
	})
	var b bytes.Buffer
	w, err := ocf.NewWriter(&b, avro.MustParse(schema), ocf.WithBlockCount(2))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range f.logs[key] {
		if err := w.Encode(&e); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.put(key, b.String())
}

func blob(container, name string) string {
	return "/blobServices/default/containers/" + container + "/blobs/" + name
}

// segment is described, and may be read from now on.
func (f *feed) segment(at, status string, shards ...string) {
	var folders []string
	for _, s := range shards {
		folders = append(folders, fmt.Sprintf("%q", Container+"/log/"+s+"/"+at+"/"))
	}
	f.put("idx/segments/"+at+"/meta.json", fmt.Sprintf(`{"version": 0, "begin": "2019-02-22T18:10:00.000Z", "intervalSecs": 3600, "status": %q,
		"config": {"version": 0, "configVersionEtag": "0x8d698f0fba563db", "numShards": 2, "recordsFormat": "avro", "formatSchemaVersion": 1, "shardDistFnVersion": 1},
		"chunkFilePaths": [%s], "storageDiagnostics": {"version": 0}}`, status, strings.Join(folders, ",")))
}

func (f *feed) consumable(at string) {
	t, err := time.Parse(segmentForm, at)
	if err != nil {
		f.t.Fatal(err)
	}
	f.n++
	f.put(indexKey, fmt.Sprintf(`{"version": 0, "lastConsumable": %q, "storageDiagnostics": {"version": %d}}`, t.Format("2006-01-02T15:04:05.000Z"), f.n))
}

func (f *feed) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	f.counts["list"]++
	return f.s.List(ctx, o)
}

func (f *feed) Head(ctx context.Context, key string) (store.Object, error) {
	f.counts["head"]++
	return f.s.Head(ctx, key)
}

func (f *feed) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	f.counts["read"]++
	return f.s.ReadRange(ctx, ref, off, p)
}

// reads the feed for c4/ in container training, and wants an answer.
func (f *feed) reads(c *Cursor, want bool) {
	f.t.Helper()
	changed, next, err := Read(f.t.Context(), f, "training", "c4/", ParseCursor(c.String()))
	if err != nil || changed != want {
		f.t.Errorf("changed: %v, want %v; %v", changed, want, err)
	}
	*c = next
}

// The whole life of a feed, on each kind of store that can hold the layout.
func TestFeed(t *testing.T) {
	for name, s := range map[string]func(t *testing.T) store.Store{
		"mem":     func(*testing.T) store.Store { return mem.New(mem.Options{}) },
		"file":    func(t *testing.T) store.Store { return opentest.Store(t, "file://"+t.TempDir()) },
		"azurite": func(t *testing.T) store.Store { return opentest.Store(t, emutest.Bucket(t, emutest.Azurite(t))) },
	} {
		t.Run(name, func(t *testing.T) { life(newFeed(t, s(t))) })
	}
}

func life(f *feed) {
	t := f.t
	t.Helper()
	var c Cursor
	if changed, next, err := Read(t.Context(), f, "training", "c4/", c); !errors.Is(err, ErrNone) || !changed || next.Index != "" {
		t.Errorf("no feed yet: %v, %+v, %v", changed, next, err)
	}
	f.event("2026/11/26/1300", "00", "00000", blob("training", "c4/a.tar"), "BlobCreated")
	f.segment("2026/11/26/1300", "Finalized", "00")
	f.consumable("2026/11/26/1300")
	f.reads(&c, true) // nobody knows what was before
	if c.Segment != "2026/11/26/1300" {
		t.Errorf("cursor %+v", c)
	}
	clear(f.counts)
	f.reads(&c, false)
	if f.counts["head"] != 1 || len(f.counts) != 1 {
		t.Errorf("nothing new took %v", f.counts)
	}
	// Of others: another prefix, another container, one that begins alike, the feed's own.
	f.event("2026/11/26/1400", "00", "00000", blob("training", "c4-old/a.tar"), "BlobCreated")
	f.event("2026/11/26/1400", "00", "00000", blob("training2", "c4/a.tar"), "BlobCreated")
	f.event("2026/11/26/1400", "01", "00000", blob("training", "c4/"), "Control")
	f.event("2026/11/26/1400", "01", "00001", blob("training", "laion/c4/a.tar"), "BlobDeleted")
	f.segment("2026/11/26/1400", "Finalized", "00", "01")
	f.consumable("2026/11/26/1400")
	f.reads(&c, false)
	// What may not be read yet is not.
	f.event("2026/11/26/1500", "00", "00000", blob("training", "c4/b.tar"), "BlobCreated")
	f.segment("2026/11/26/1500", "Publishing", "00")
	f.consumable("2026/11/26/1400")
	f.reads(&c, false)
	f.consumable("2026/11/26/1500")
	f.reads(&c, true)
	// It is still appended to: what was read is not new again, and what comes is.
	f.consumable("2026/11/26/1500")
	f.reads(&c, false)
	f.event("2026/11/26/1500", "00", "00000", blob("training", "other/x"), "BlobCreated")
	f.consumable("2026/11/26/1500")
	f.reads(&c, false)
	for i := range 5 {
		f.event("2026/11/26/1500", "00", fmt.Sprintf("%05d", i/2), blob("training", "c4/b.tar"), "BlobPropertiesUpdated")
		f.consumable("2026/11/26/1500")
		f.reads(&c, true)
	}
	f.segment("2026/11/26/1500", "Finalized", "00")
	f.consumable("2026/11/27/0110")
	f.reads(&c, false)
	if len(c.Open) != 0 {
		t.Errorf("still open: %+v", c)
	}
	// Over midnight, the first folder of several that names it.
	f.event("2026/11/27/0110", "00", "00000", blob("training", "x"), "BlobCreated")
	f.event("2026/11/28/0010", "01", "00000", blob("training", "c4/d/e.tar"), "BlobDeleted")
	f.segment("2026/11/28/0010", "Finalized", "00", "01")
	f.consumable("2026/11/28/0010")
	f.reads(&c, true)
	f.consumable("2026/11/28/0110")
	f.reads(&c, false)
	// After weeks it is cheaper to list.
	f.consumable("2026/12/24/0110")
	clear(f.counts)
	f.reads(&c, true)
	if f.counts["list"] != 0 {
		t.Errorf("it looked through four weeks: %v", f.counts)
	}
	// One that was put back, as after a failover, is nothing to rely on.
	f.consumable("2026/12/20/0110")
	f.reads(&c, true)
}

// What is damaged, or not what was documented, is an error, and the cursor stays.
func TestDamagedFeed(t *testing.T) {
	for name, change := range map[string]func(f *feed){
		"index":   func(f *feed) { f.put(indexKey, "{") },
		"segment": func(f *feed) { f.put("idx/segments/2026/11/26/1400/meta.json", "[]") },
		"empty":   func(f *feed) { f.put("idx/segments/2026/11/26/1400/meta.json", "") },
		"log":     func(f *feed) { f.put("log/00/2026/11/26/1400/00000.avro", "Obj\x02 nonsense") },
		"no folder": func(f *feed) {
			f.put("idx/segments/2026/11/26/1400/meta.json", `{"status": "Finalized", "chunkFilePaths": ["$blobchangefeed/../../etc/"]}`)
		},
		"cut off": func(f *feed) {
			b, err := f.s.Head(f.t.Context(), "log/00/2026/11/26/1400/00000.avro")
			if err != nil {
				f.t.Fatal(err)
			}
			p := make([]byte, b.Size-20)
			if err := f.s.ReadRange(f.t.Context(), b.Ref(), 0, p); err != nil {
				f.t.Fatal(err)
			}
			f.put(b.Key, string(p))
		},
		"large": func(f *feed) { f.put(indexKey, strings.Repeat(" ", mostJSON+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFeed(t, mem.New(mem.Options{}))
			f.segment("2026/11/26/1300", "Finalized")
			f.consumable("2026/11/26/1300")
			var c Cursor
			f.reads(&c, true)
			for range 10 {
				f.event("2026/11/26/1400", "00", "00000", blob("training", "laion/a"), "BlobCreated")
			}
			f.segment("2026/11/26/1400", "Finalized", "00")
			f.consumable("2026/11/26/1400")
			change(f)
			changed, next, err := Read(t.Context(), f, "training", "c4/", c)
			if err == nil || !changed || next.Index != c.Index || next.Segment != c.Segment {
				t.Errorf("changed %v, %+v, %v", changed, next, err)
			}
		})
	}
	for _, text := range []string{"", "{", "null", `{"segment": 5}`, `{"segment": "yesterday"}`} {
		f := newFeed(t, mem.New(mem.Options{}))
		f.consumable("2026/11/26/1300")
		c := ParseCursor(text)
		f.reads(&c, true)
	}
}
