package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store/open"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

func TestWatchOfADataset(t *testing.T) {
	a := &app{cfg: &config.Config{
		Stores: map[string]config.Store{"training": {URL: "azblob://shards?storage_account=acme"}},
		Datasets: map[string]config.Dataset{
			"c4":    {Store: "training", Watch: &config.Watch{Every: config.Duration(time.Minute), Marker: "_SUCCESS", FullEvery: config.Duration(time.Hour), ChangeFeed: true, Index: true}},
			"laion": {Store: "training"},
		},
	}}
	got := a.watch(a.cfg.Datasets["c4"])
	want := dgsync.Watch{Every: time.Minute, Marker: "_SUCCESS", FullEvery: time.Hour, Container: "shards", Index: true}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(dgsync.Watch{}, "Feed")); d != "" || got.Feed == nil {
		t.Error(d)
	}
	if got := a.watch(a.cfg.Datasets["laion"]); got.Every != 0 || got.Feed != nil || got.Index {
		t.Errorf("%+v", got)
	}
	if !a.readsFeed("training") || a.readsFeed("other") {
		t.Error("whose feed is read")
	}
}

// The feed is beside the container, in the same account, however that is named.
func TestFeedURL(t *testing.T) {
	for raw, want := range map[string]string{
		"azblob://shards?storage_account=acme":                                                  "azblob://$blobchangefeed?storage_account=acme",
		"azblob://shards?storage_account=acme&domain=blob.core.chinacloudapi.cn&protocol=https": "azblob://$blobchangefeed?storage_account=acme&domain=blob.core.chinacloudapi.cn&protocol=https",
	} {
		got, err := feedURL(raw)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", raw, got, err)
		}
		if _, err := open.Endpoint(got); err != nil {
			t.Errorf("%s cannot be opened: %v", got, err)
		}
	}
}
