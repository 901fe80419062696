package meter_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

func TestForbiddenAddresses(t *testing.T) {
	for _, c := range []struct {
		url     string
		options meter.Options
		refused bool
	}{
		{"http://169.254.169.254/latest/meta-data/", meter.Options{}, true},
		{"http://[::ffff:169.254.169.254]/", meter.Options{}, true},
		{"http://[fe80::1%25lo]/", meter.Options{}, true},
		{"http://[fd00:ec2::254]/", meter.Options{}, true},
		{"http://168.63.129.16/", meter.Options{}, true},
		{"http://127.0.0.1:1/", meter.Options{}, false},
		{"http://127.0.0.1:1/", meter.Options{DenyLoopback: true}, true},
		{"http://localhost:1/", meter.Options{DenyLoopback: true}, true},
		{"http://0.0.0.0:1/", meter.Options{DenyLoopback: true}, true},
		{"http://[::1]:1/", meter.Options{DenyLoopback: true}, true},
		{"http://169.254.169.254:1/", meter.Options{AllowLinkLocal: true, DialTimeout: 50 * time.Millisecond}, false},
	} {
		c.options.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
		resp, err := meter.NewClient(c.options).Get(c.url)
		if err == nil {
			resp.Body.Close()
		}
		var refused *meter.RefusedError
		if errors.As(err, &refused) != c.refused {
			t.Errorf("%s with %+v: refused %v, want %v (%v)", c.url, c.options, !c.refused, c.refused, err)
		}
		if c.refused && !errors.Is(err, store.ErrPermanent) {
			t.Errorf("%s: %v is not permanent", c.url, err)
		}
	}
}

// The Azure SDK fetches a managed identity's token through the store's client; anything else at that address is refused.
func TestManagedIdentityIsTheOneException(t *testing.T) {
	client := meter.NewClient(meter.Options{
		DialTimeout: 50 * time.Millisecond,
		Proxy:       func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	for _, c := range []struct {
		method, url string
		refused     bool
	}{
		{"GET", "http://169.254.169.254/metadata/identity/oauth2/token?resource=x", false},
		{"GET", "http://169.254.169.254/metadata/identity/oauth2/token", false},
		{"PUT", "http://169.254.169.254/metadata/identity/oauth2/token", true},
		{"GET", "http://169.254.169.254/metadata/identity/oauth2/token/../../../instance", true},
		{"GET", "http://169.254.169.254:80/metadata/identity/oauth2/token", true},
		{"GET", "http://169.254.169.253/metadata/identity/oauth2/token", true},
		{"GET", "http://169.254.169.254/metadata/instance", true},
		{"GET", "http://169.254.169.254/latest/meta-data/iam/", true},
	} {
		req, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		var refused *meter.RefusedError
		if errors.As(err, &refused) != c.refused {
			t.Errorf("%s %s: %v, want refused %v", c.method, c.url, err, c.refused)
		}
	}
}

// Behind a proxy the dialler sees only the proxy, so an address in the URL is checked before.
func TestForbiddenAddressBehindAProxy(t *testing.T) {
	reached := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer proxy.Close()
	client := meter.NewClient(meter.Options{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }})
	_, err := client.Get("http://169.254.169.254/latest/meta-data/")
	var refused *meter.RefusedError
	if !errors.As(err, &refused) || reached {
		t.Errorf("reached the proxy: %v; %v", reached, err)
	}
}

func TestRedirects(t *testing.T) {
	var other string
	plain, plainURL, _ := serve(t, false, meter.Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, other+"/stolen", http.StatusTemporaryRedirect)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			w.Write([]byte("arrived"))
		}
	})
	stolen := false
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen = true }))
	defer victim.Close()
	other = victim.URL
	for path, want := range map[string]int{"/here": 200, "/away": 307, "/metadata": 302, "/loop": 302} {
		resp, err := plain.Get(plainURL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
	if stolen {
		t.Error("a redirect to another host was followed")
	}
}

// A server that offers both schemes on one host and port would get https credentials in the clear.
func TestNoDowngrade(t *testing.T) {
	secure, secureURL, c := serve(t, true, meter.Options{}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/plain", http.StatusFound)
	})
	resp, err := secure.Get(secureURL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || c.accepted.Load() != 1 {
		t.Errorf("status %d, %d connections: the downgrade was followed", resp.StatusCode, c.accepted.Load())
	}
}

func TestHeaderTimeout(t *testing.T) {
	client := meter.NewClient(meter.Options{HeaderTimeout: 100 * time.Millisecond})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = client.Get("http://" + l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "timeout awaiting response headers") {
		t.Errorf("a server that never answers gave %v", err)
	}
}
