package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

func TestDestinationOfPartition(t *testing.T) {
	some := Slurm{Partitions: map[string]string{"gpu": "aws"}}
	all := Slurm{Partitions: map[string]string{"gpu": "aws", "*": "lab1"}}
	for _, c := range []struct {
		slurm           Slurm
		partition, want string
	}{{some, "gpu", "aws"}, {some, "cpu", ""}, {all, "gpu", "aws"}, {all, "cpu", "lab1"}, {Slurm{}, "gpu", ""}} {
		if got := c.slurm.DestinationOf(c.partition); got != c.want {
			t.Errorf("%v, %s: %q, want %q", c.slurm.Partitions, c.partition, got, c.want)
		}
	}
}

func TestSocket(t *testing.T) {
	long := "/" + strings.Repeat("x", 100)
	for _, c := range []struct{ name, runtime, state, socket, want, err string }{
		{name: "systemd", runtime: "/run/datagravity:/run/other", state: "/var/lib/datagravity", want: "/run/datagravity/datagravity.sock"},
		{name: "state", state: "/var/lib/datagravity", want: "/var/lib/datagravity/api.sock"},
		{name: "file", runtime: "/run/datagravity", state: "/s", socket: "/run/x.sock", want: "/run/x.sock"},
		{name: "relative", state: "/s", socket: "x.sock", want: "/etc/x.sock"},
		{name: "just short enough", state: "/s", socket: long[:100], want: long[:100]},
		{name: "too long", state: "/s", socket: long, err: "x.yaml:1:52: agent.socket: \"" + long + "\" has 101 bytes: want at most 100, " +
			"because the system's addresses of sockets (sun_path) hold 108 and macOS's 104; choose a shorter folder"},
		{name: "empty", state: "/s", socket: `""`, err: "x.yaml:1:52: agent.socket: is empty; write a path, for example /run/datagravity/datagravity.sock, or leave it out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("RUNTIME_DIRECTORY", c.runtime)
			text := "agent: {location: azure:eastus, state: " + c.state
			if c.socket != "" {
				text += ", socket: " + c.socket
			}
			got, err := parse("x.yaml", "/etc", []byte(text+"}"))
			switch {
			case c.err != "":
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v\nwant %s", err, c.err)
				}
			case err != nil:
				t.Error(err)
			case got.Agent.Socket != c.want:
				t.Errorf("socket %s, want %s", got.Agent.Socket, c.want)
			}
		})
	}
}

// TestLongStateDirectory: only who opens the socket is stopped by a default that cannot be one.
func TestLongStateDirectory(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "")
	c, err := parse("x.yaml", "/etc", []byte("agent: {location: azure:eastus, state: /"+strings.Repeat("x", 100)+"}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Agent.CheckSocket(); err == nil || !strings.Contains(err.Error(), "has 110 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestJobNames(t *testing.T) {
	c, _ := load(t, "full.yaml")
	want := spec.Known{Datasets: []string{"2024", "c4"}, Destinations: []string{"lab", "root"}, Teams: []string{"language", "vision"}}
	if diff := cmp.Diff(want, c.JobNames()); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}
