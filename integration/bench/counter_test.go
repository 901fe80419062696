package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	c, err := startCounter(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	front := c.Through(server.URL)
	if front != "http://"+c.Addr {
		t.Fatalf("%s through %s is %s", server.URL, c.Addr, front)
	}
	for _, path := range []string{
		"/account/first?restype=container&comp=list&prefix=data%2F&maxresults=5000", // a listing
		"/bucket?list-type=2&prefix=data%2F",                                        // a listing
		"/bucket?prefix=data%2F&delimiter=%2F",                                      // a listing, version 1
		"/account/first?restype=container&comp=list&maxresults=1",
		"/bucket?uploads&prefix=data%2F",
		"/bucket/data/00/shard",
	} {
		resp, err := http.Get(front + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	resp, err := http.Post(front+"/echo", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "body" {
		t.Errorf("through the counter: %q, %v", got, err)
	}
	_ = resp.Body.Close()
	if host != c.Addr {
		t.Errorf("the server saw Host %s, the client signed for %s", host, c.Addr)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.requests.Load() != 7 || c.listings.Load() != 3 {
		t.Errorf("%d requests and %d listings, want 7 and 3", c.requests.Load(), c.listings.Load())
	}
}
