package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// errEnding: it is too late for another configuration.
var errEnding = errors.New("the daemon is ending; the next start reads the configuration")

// change is a configuration that is to take effect.
type change struct {
	cfg    *config.Config
	limits []pace.Limit
	digest string
	prices string
	// parts are what is different, by the names of the configuration's sections.
	parts []string
	done  chan error // has room for one
}

// fixed are the fields that hold for as long as the process runs: where it keeps what it knows, where it answers, who it is to others, and whom it tells.
var fixed = []struct {
	name string
	of   func(*config.Config) any
}{
	{"agent.state", func(c *config.Config) any { return c.Agent.State }},
	{"agent.journal_dir", func(c *config.Config) any { return c.Agent.JournalDir }},
	{"agent.socket", func(c *config.Config) any { return c.Agent.Socket }},
	{"agent.pprof", func(c *config.Config) any { return c.Agent.Pprof }},
	{"agent.location", func(c *config.Config) any { return c.Agent.Location }},
	{"agent.name", func(c *config.Config) any { return c.Agent.Name }},
	{"agent.role", func(c *config.Config) any { return c.Agent.Role }},
	{"tracing", func(c *config.Config) any { return c.Tracing }},
	{"api", func(c *config.Config) any { return c.API }},
}

// Reload reads the configuration again. One with a mistake is refused as a whole, and the one before stays. It returns what takes effect, when it has.
func (s *service) Reload() (changes []string, err error) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	s.notifier.Reloading()
	changes, err = s.reload()
	switch {
	case err != nil:
		s.log.Error("the configuration was not read again, and holds as it was; correct it and send SIGHUP again", "error", err)
		s.notifier.Ready("the configuration was refused: " + firstLine(err))
	default:
		s.log.Info("read the configuration again", "changed", none(changes))
		s.notifier.Ready(s.statusText())
		s.advise()
	}
	return changes, err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (s *service) reload() ([]string, error) {
	c, err := s.read()
	if err != nil {
		return nil, err
	}
	changes := c.parts
	switch {
	case len(c.parts) == 0:
		s.latest().tellDigest(c.digest) // its comments may have changed
	case len(c.parts) == 1 && c.parts[0] == "links":
		changes = s.links.Reload(c.limits)
		s.latest().tellDigest(c.digest)
		s.inEffect(c)
	default:
		select {
		case s.changes <- c:
		case <-s.over:
			return nil, errEnding
		}
		if err := <-c.done; err != nil {
			return nil, err
		}
	}
	select {
	case s.latest().reloaded <- struct{}{}:
	default: // it knows already
	}
	return changes, nil
}

func (s *service) inEffect(c *change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg, s.prices = c.cfg, c.prices
}

// read reads the configuration and all that it names, and compares it with the one in effect. Nothing is changed yet.
func (s *service) read() (*change, error) {
	c := &change{done: make(chan error, 1)}
	path := s.app.cfg.Path
	var err error
	for before := ""; ; before = c.digest { // a file that is being written has two
		if c.cfg, err = config.Load(path); err != nil {
			return nil, err
		}
		if c.digest = configDigest(c.cfg); c.digest == before || c.digest == "" {
			break
		}
	}
	if c.limits, err = c.cfg.LinkLimits(); err != nil {
		return nil, err
	}
	if _, _, err = c.cfg.PriceBook(); err != nil {
		return nil, err
	}
	if c.prices, err = pricesDigest(c.cfg); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range fixed {
		if !reflect.DeepEqual(f.of(c.cfg), f.of(s.cfg)) {
			return nil, &config.Error{Path: path, Message: f.name + " cannot change while the daemon runs: restart it"}
		}
	}
	c.parts = changedParts(s.cfg, c.cfg)
	if len(c.parts) == 0 && c.prices != s.prices {
		c.parts = []string{"prices"}
	}
	return c, nil
}

// changedParts are the sections in which two configurations differ.
func changedParts(was, is *config.Config) (names []string) {
	a, b := reflect.ValueOf(*was), reflect.ValueOf(*is)
	for i := range a.NumField() {
		name := a.Type().Field(i).Tag.Get("yaml")
		if name != "-" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, name)
		}
	}
	return names
}

// pricesDigest is of the files that the prices come from.
func pricesDigest(cfg *config.Config) (string, error) {
	h := sha256.New()
	for _, path := range append([]string{cfg.Prices.Book}, cfg.Prices.Overlays...) {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("prices: %w", err)
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", path, len(b)) // a hash takes everything
		_, _ = h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// succeed has a program with another configuration act in the place of one that has ended its work. Where it cannot be made, the one before goes on.
func (s *service) succeed(was *app, c *change) error {
	next := newApp(s.globals, c.cfg, s.log, s.links)
	next.m, next.recorder, next.problems, next.client, next.ledger = s.m, s.recorder, s.problems, s.client, was.ledger
	next.teller = s.teller
	next.tellDigest(c.digest)
	if was.sync.Leases != nil { // the next one takes its own
		was.sync.Leases.Close()
	}
	if err := next.equip(engine.Options{}); err != nil {
		var leasesErr error
		was.sync.Leases, leasesErr = was.leases()
		return errors.Join(err, leasesErr, next.closeStores())
	}
	next.keeper.passed = s.keeper.passed
	s.links.Reload(c.limits)
	s.inEffect(c)
	s.successor.Store(next)
	was.retire()
	if err := s.teller.Configure(next.ledger, next.targets); err != nil {
		s.log.Error("who is told what happens is as it was before: the manifest failed; send SIGHUP again", "error", err)
	}
	return nil
}
