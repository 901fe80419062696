package tests

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// serving tells whether the condition Serving of a namespace's check says something.
func serving(t *testing.T, c *cluster.Cluster, namespace, reason, words string) bool {
	t.Helper()
	check := &kueue.AdmissionCheck{}
	if err := c.Client.Get(t.Context(), types.NamespacedName{Name: namespace}, check); err != nil {
		t.Fatal(err)
	}
	s := meta.FindStatusCondition(check.Status.Conditions, admission.Serving)
	return s != nil && s.Reason == reason && strings.Contains(s.Message, words)
}

// proxyBefore puts one before a daemon. It passes requests on where its handler is nil.
func proxyBefore(t *testing.T, d *cluster.Daemon) *atomic.Pointer[http.HandlerFunc] {
	t.Helper()
	vouch, err := os.ReadFile(d.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(vouch)
	to, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}
	own := &atomic.Pointer[http.HandlerFunc]{}
	p := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := own.Load(); f != nil {
			(*f)(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	d.URL, d.CA = p.URL, filepath.Join(t.TempDir(), "proxy.pem")
	if err := os.WriteFile(d.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return own
}

// What a proxy before the daemon says is told as the proxy's; once it passes requests on, what waits goes on.
func TestProxyBeforeTheDaemon(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	own := proxyBefore(t, d)
	answer := func(status int, retryAfter string) {
		f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Server", "guard/1")
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(status)
		})
		own.Store(&f)
	}
	answer(http.StatusForbidden, "")
	c.Controller(t, d, ns)
	j := plainJob(ns, "train")
	c.Make(t, j)
	c.Until(t, "the condition says who does not let it through", func() bool {
		return serving(t, c, ns, "NotTheDaemon", `("guard/1") was answered by something that is not the daemon: status 403 Forbidden`)
	})
	c.Until(t, "an event says so", func() bool { return told(t, c, j, "DataUnknown", "does not let this client through") })
	if !suspended(t, c, j) {
		t.Error("the Job goes on")
	}

	own.Store(nil)
	c.Until(t, "the Job goes on", func() bool { return !suspended(t, c, j) && serving(t, c, ns, "DaemonAnswers", "") })

	second := plainJob(ns, "second")
	answer(http.StatusTooManyRequests, time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat))
	c.Make(t, second)
	c.Until(t, "an event says that it is asked too often", func() bool { return told(t, c, second, "DataUnknown", "allow this client more requests") })
	own.Store(nil)
	c.Until(t, "the second Job goes on", func() bool { return !suspended(t, c, second) })
}
