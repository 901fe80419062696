package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// finding is one vulnerability, by the trace that tells most: one that is called says more than a module that is required.
type finding struct {
	summary string
	module  string
	version string
	fixed   string
	called  bool
	trace   string // the caller and what it calls
}

func (f *finding) where() string { return f.module + " " + f.version }

func (f *finding) remedy() string {
	switch {
	case f.fixed == "":
		return "which no version mends"
	case f.module == "stdlib":
		return "mended in Go " + strings.TrimPrefix(f.fixed, "v")
	}
	return "mended in " + f.fixed
}

// message is one of those that govulncheck writes, https://pkg.go.dev/golang.org/x/vuln/internal/govulncheck.
type message struct {
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	Finding *struct {
		OSV          string  `json:"osv"`
		FixedVersion string  `json:"fixed_version"`
		Trace        []frame `json:"trace"`
	} `json:"finding"`
}

// frame of a trace; the first is the vulnerable function, the last ours.
type frame struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Package  string `json:"package"`
	Function string `json:"function"`
	Receiver string `json:"receiver"`
}

func (f frame) String() string {
	name := f.Function
	if f.Receiver != "" {
		name = strings.TrimPrefix(f.Receiver, "*") + "." + name
	}
	return f.Package + "." + name
}

// readFindings reads what govulncheck -format json writes.
func readFindings(r io.Reader) (map[string]*finding, error) {
	found, summaries := map[string]*finding{}, map[string]string{}
	d := json.NewDecoder(r)
	for {
		var m message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m.OSV != nil {
			summaries[m.OSV.ID] = m.OSV.Summary
		}
		if m.Finding == nil || len(m.Finding.Trace) == 0 {
			continue
		}
		first, last := m.Finding.Trace[0], m.Finding.Trace[len(m.Finding.Trace)-1]
		f := &finding{module: first.Module, version: first.Version, fixed: m.Finding.FixedVersion, called: first.Function != ""}
		if f.called {
			f.trace = last.String() + ", which ends up in " + first.String()
		}
		if old := found[m.Finding.OSV]; old == nil || f.called && !old.called {
			found[m.Finding.OSV] = f
		}
	}
	for id, f := range found {
		f.summary = summaries[id]
	}
	return found, nil
}

var idPattern = regexp.MustCompile(`^GO-\d{4}-\d{4,}$`)

// readAccepted reads lines of an ID and the reason why it is accepted; # begins a comment.
func readAccepted(path string, r io.Reader) (map[string]string, error) {
	accepted := map[string]string{}
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, " ")
		if reason = strings.TrimSpace(reason); !idPattern.MatchString(id) || reason == "" {
			return nil, fmt.Errorf("%s:%d: want an ID such as GO-2026-1234 and the reason why it is accepted", path, n)
		}
		if _, ok := accepted[id]; ok {
			return nil, fmt.Errorf("%s:%d: %s is there twice", path, n, id)
		}
		accepted[id] = reason
	}
	return accepted, s.Err()
}
