package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// news asks, and wants an answer.
func (r *rig) news(w Watch, want bool) News {
	r.t.Helper()
	n, err := r.s.News(r.t.Context(), r.src, w, ForJobs)
	if err != nil || n.Changed != want {
		r.t.Errorf("changed: %v (%s), want %v; %v", n.Changed, n.Why, want, err)
	}
	return n
}

// listed has the source be listed after a look.
func (r *rig) listed(n News) {
	r.t.Helper()
	if _, err := r.s.Contents(r.t.Context(), r.src, manifest.SnapshotHeader{}.ID); err != nil {
		r.t.Fatal(err)
	}
	if err := r.s.Listed(r.src, n); err != nil {
		r.t.Fatal(err)
	}
}

// The change feed says when to list: a look that finds nothing new in it asks the source nothing, and how far it was read is in the manifest.
func TestNewsFromTheChangeFeed(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, 1000))
	feed := mem.New(mem.Options{URL: "azblob://$blobchangefeed"})
	say := func(key, content string) { putObject(t, feed, key, []byte(content)) }
	hour := func(at int, subjects ...string) {
		var b bytes.Buffer
		w, err := ocf.NewWriter(&b, avro.MustParse(`{"type":"record","name":"e","fields":[{"name":"subject","type":"string"},{"name":"eventType","type":"string"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects {
			if err := w.Encode(map[string]any{"subject": "/blobServices/default/containers/training/blobs/" + s, "eventType": "BlobCreated"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		say(fmt.Sprintf("log/00/2026/11/26/%02d00/00000.avro", at), b.String())
		say(fmt.Sprintf("idx/segments/2026/11/26/%02d00/meta.json", at), fmt.Sprintf(`{"status":"Finalized","chunkFilePaths":["$blobchangefeed/log/00/2026/11/26/%02d00/"]}`, at))
		say("meta/segments.json", fmt.Sprintf(`{"version":0,"lastConsumable":"2026-11-26T%02d:00:00.000Z"}`, at))
	}
	hour(10)
	source, asked := &seen{Store: r.source}, &seen{Store: feed}
	r.src.Store = source
	opens := 0
	w := Watch{FullEvery: 24 * time.Hour, Container: "training", Feed: func(context.Context) (store.Store, error) { opens++; return asked, nil }}
	r.open()
	r.listed(r.news(w, true))
	source.taken()
	asked.taken()
	for range 5 {
		r.news(w, false)
		if n := asked.taken(); len(source.taken()) != 0 || n["head"] != 1 || len(n) != 1 {
			t.Errorf("nothing new: the feed was asked %v", n)
		}
	}
	hour(11, "laion/a.bin", "c4-old/b.bin")
	r.news(w, false)
	asked.taken()
	r.close()
	r.open() // another process goes on from there
	r.news(w, false)
	if n := asked.taken(); n["read"] != 0 {
		t.Errorf("what was read was read again: %v", n)
	}
	hour(12, "c4/b.bin")
	n := r.news(w, true)
	r.news(w, true) // until it was listed
	r.listed(n)
	r.news(w, false)
	if n := source.taken(); n["list"] != 1 {
		t.Errorf("the source was asked %v", n)
	}
	// A feed that cannot be read is no reason to rely on it.
	bad := w
	bad.Feed = func(context.Context) (store.Store, error) { return nil, store.ErrPermission }
	if n, err := r.s.News(t.Context(), r.src, bad, ForJobs); !errors.Is(err, store.ErrPermission) || !n.Changed {
		t.Errorf("%+v, %v", n, err)
	}
	// Whoever keeps it indexed has taken in nothing of that.
	if n, err := r.s.News(t.Context(), r.src, w, ForIndex); err != nil || !n.Changed {
		t.Errorf("%+v, %v", n, err)
	}
	// Watched otherwise than before.
	r.news(Watch{FullEvery: 24 * time.Hour, Marker: "_SUCCESS"}, true)
	r.news(Watch{}, true)
	r.close()
}

// Over a paid link a look is paid for as a listing is.
func TestNewsArePaidFor(t *testing.T) {
	r := newRig(t)
	r.put("_SUCCESS", data(1, 10))
	r.agent = location(t, "onprem:lab1")
	r.budgets = []cost.Budget{{Name: "all", LimitNanoUSD: 1}}
	s := r.open()
	defer r.close()
	w := Watch{FullEvery: time.Hour, Marker: "_SUCCESS"}
	if n, err := s.News(t.Context(), r.src, w, ForJobs); !errors.Is(err, cost.ErrBudget) || !n.Changed {
		t.Errorf("without money: %+v, %v", n, err)
	}
	if err := cost.SetPause(r.dir, "*", true, time.Now()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // a pause is a file, which is looked at now and then
	if _, err := s.News(t.Context(), r.src, w, ForJobs); !errors.Is(err, cost.ErrPaused) {
		t.Errorf("paused: %v", err)
	}
}
