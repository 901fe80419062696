package netem

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Options say what a network is like. The zero value passes everything at once.
type Options struct {
	// BytesPerSecond is the most that each connection moves, in each direction; 0: no limit, otherwise at least 1000.
	// It is a limit for a connection as on a real path, so that parallel connections move more.
	BytesPerSecond int64
	// LatencyMs is added to the way back, and so to each round trip, in milliseconds.
	LatencyMs int64
	// JitterMs varies the latency by up to this many milliseconds either way; it must not exceed LatencyMs.
	JitterMs int64
	// CutAfterBytes ends each connection after this many bytes of the way back; 0: never.
	CutAfterBytes int64
	// Faults beside these, in the order in which bytes meet them.
	Faults []Fault
}

// Proxy is a network in front of one server.
type Proxy struct {
	// Addr is 127.0.0.1:PORT, where clients connect.
	Addr     string
	upstream string
	proxy    *toxiproxy.Proxy
}

// Start opens a proxy to upstream, a host:port.
func Start(upstream string, o Options) (*Proxy, error) {
	toxics, err := o.toxics()
	if err != nil {
		return nil, err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "netem", "127.0.0.1:0", upstream)
	for _, t := range toxics {
		data, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		if _, err := p.Toxics.AddToxicJson(bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("toxic %s: %w", data, err)
		}
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	return &Proxy{Addr: p.Listen, upstream: upstream, proxy: p}, nil
}

// Through returns a store's or an endpoint's URL with the proxy in the server's place.
func (p *Proxy) Through(url string) string { return through(url, p.upstream, p.Addr) }

// Cut ends every connection and refuses new ones until [Proxy.Restore].
func (p *Proxy) Cut() { p.proxy.Stop() }

// Restore listens again at the same address after [Proxy.Cut].
func (p *Proxy) Restore() error { return p.proxy.Start() }

// Close ends every connection and frees the port. The error is always nil; it is there so that Proxy is an io.Closer.
func (p *Proxy) Close() error {
	p.proxy.Stop()
	return nil
}

type toxic struct {
	Name       string           `json:"name"`
	Type       string           `json:"type"`
	Stream     string           `json:"stream"`
	Toxicity   float64          `json:"toxicity"`
	Attributes map[string]int64 `json:"attributes"`
}

func (o Options) toxics() ([]toxic, error) {
	switch {
	case o.BytesPerSecond < 0 || o.BytesPerSecond > 0 && o.BytesPerSecond < 1000:
		return nil, fmt.Errorf("%d bytes per second: want 0 (no limit) or at least 1000", o.BytesPerSecond)
	case o.LatencyMs < 0 || o.JitterMs < 0 || o.JitterMs > o.LatencyMs:
		return nil, fmt.Errorf("latency %d ms with jitter %d ms: want neither below 0 and the jitter no greater", o.LatencyMs, o.JitterMs)
	case o.CutAfterBytes < 0:
		return nil, fmt.Errorf("cut after %d bytes: want 0 (never) or more", o.CutAfterBytes)
	}
	var ts []toxic
	// Latency stands before bandwidth: it measures from when a piece was read, so that behind a slow bandwidth toxic it
	// would find its time already spent and add nothing.
	if o.LatencyMs > 0 {
		ts = append(ts, toxic{"latency", "latency", "downstream", 1, map[string]int64{"latency": o.LatencyMs, "jitter": o.JitterMs}})
	}
	if o.BytesPerSecond > 0 {
		for _, stream := range []string{"upstream", "downstream"} {
			ts = append(ts, toxic{"bandwidth-" + stream, "bandwidth", stream, 1, map[string]int64{"rate": o.BytesPerSecond / 1000}})
		}
	}
	if o.CutAfterBytes > 0 {
		ts = append(ts, toxic{"cut", "limit_data", "downstream", 1, map[string]int64{"bytes": o.CutAfterBytes}})
	}
	faults, err := toxicsOf(o.Faults)
	return append(ts, faults...), err
}

// through replaces a host:port in a URL, plain or escaped as a query value.
func through(u, upstream, addr string) string {
	u = strings.ReplaceAll(u, url.QueryEscape(upstream), url.QueryEscape(addr))
	return strings.ReplaceAll(u, upstream, addr)
}
