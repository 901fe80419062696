package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/daemon/dashboard"
	"github.com/datagravity/datagravity/pkg/observe"
)

// overTCP is where the daemon answers beside its socket; nil: nowhere.
func (a *app) overTCP() (*daemon.TCP, error) {
	c := a.cfg.API
	if c.Listen == "" || a.role != "daemon" {
		return nil, nil
	}
	hosts := apiHosts(c.Listen, c.Hosts)
	certificate, err := a.certificate()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w; api.listen in the configuration sets another address", err)
	}
	a.log.Info("the API is served over TCP, to who has a token", "address", l.Addr().String(), "certificate_sha256", certificate.Fingerprint())
	return &daemon.TCP{Listener: l, Certificate: certificate, Tokens: access.OpenTokens(a.cfg.Agent.State, a.m.Now), Hosts: hosts, Login: dashboard.Login}, nil
}

// pages are the dashboard. What somebody may do there is what they may do over the API.
func (a *app) pages(r *observe.Reader) http.Handler {
	return dashboard.New(dashboard.Options{
		Reader: r, Actions: actingOperator{a}, Log: a.log,
		Visitor: func(q *http.Request) dashboard.Visitor {
			return dashboard.Visitor{Name: daemon.By(q), Pause: daemon.May(q, access.Jobs), Approve: daemon.May(q, access.Budget)}
		},
	})
}

// certificate is the one that the API shows, which is made if there is to be one of its own and there is none.
func (a *app) certificate() (*daemon.Certificate, error) {
	c := a.cfg.API
	if c.TLS.Cert != "" {
		return daemon.OpenCertificate(c.TLS.Cert, c.TLS.Key, time.Now, a.log)
	}
	return daemon.OwnCertificate(a.cfg.Agent.State, apiHosts(c.Listen, c.Hosts), time.Now, a.log)
}

// apiHosts are the names that the API may be asked for by.
func apiHosts(listen string, configured []string) []string {
	hosts := slices.Clone(configured)
	host, _, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	switch {
	case err != nil: // the configuration was checked
	case host == "" || ip != nil && ip.IsUnspecified(), host == "localhost", ip != nil && ip.IsLoopback():
		hosts = append(hosts, "localhost", "127.0.0.1", "::1")
	default:
		hosts = append(hosts, host)
	}
	if name, err := os.Hostname(); err == nil && name != "" && (ip == nil || !ip.IsLoopback()) && host != "localhost" {
		hosts = append(hosts, name)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
