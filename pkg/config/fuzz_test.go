package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: whatever the file, there is a configuration or an *Error, and no panic. A configuration keeps its promises.
func FuzzLoad(f *testing.F) {
	f.Add(Example())
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Setenv("HOME", "/home/user")
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse("x.yaml", "/etc/datagravity", text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || c != nil {
				t.Fatalf("%+v, %#v", c, err)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "x.yaml:") {
					t.Errorf("a mistake is not one line with its place: %q", err)
				}
			}
			return
		}
		if c.Agent.Location.IsZero() || !filepath.IsAbs(c.Agent.State) || c.Agent.Memory < 4*c.Agent.PartSize {
			t.Errorf("agent %+v", c.Agent)
		}
		for name, d := range c.Datasets {
			if _, ok := c.Stores[d.Store]; !ok || d.Prefix != "" && !strings.HasSuffix(d.Prefix, "/") {
				t.Errorf("dataset %q %+v", name, d)
			}
		}
		for _, b := range c.CostBudgets() {
			if b.LimitNanoUSD <= 0 && b.LimitBytes <= 0 {
				t.Errorf("budget %+v limits nothing", b)
			}
		}
	})
}
