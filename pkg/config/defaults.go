package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// What fields hold that the file leaves out; docs/config.md says the same from the comments in types.go.
const (
	// Memory is the limit, not the number of streams.
	defaultMemory    Size = 192 << 20 // engine.DefaultMemoryBytes
	defaultShards         = 8
	defaultParts          = 14
	defaultPartSize  Size = 4 << 20
	defaultChunkSize Size = 64 << 10
	defaultFormat         = "auto"
	defaultLayout         = "mirror"
	defaultWindow         = "month"
	defaultPinned         = "block"
	defaultDeletions      = "keep"
	defaultEvict          = "none"
	defaultAtLimit        = "hold"
	// A dataset that loses more than a tenth of its shards from one sync to the next is more often a mistake at the source.
	defaultDeletionLimit Percent = 10
)

// fillIn gives every field that the file leaves out its default, and makes paths absolute and prefixes whole. What the file
// gives stays, even a zero: check refuses it where it makes no sense.
func (d *document) fillIn(c *Config, dir string) {
	agent := field{"agent"}
	a := &c.Agent
	fill(d, agent.Child("memory"), &a.Memory, defaultMemory)
	fill(d, agent.Child("shards"), &a.Shards, defaultShards)
	fill(d, agent.Child("parts"), &a.Parts, defaultParts)
	fill(d, agent.Child("part_size"), &a.PartSize, defaultPartSize)
	fill(d, agent.Child("lease"), &a.Lease, defaultLease)
	d.statePath(a, agent.Child("state"), dir)
	d.absolute(agent.Child("journal_dir"), &a.JournalDir, dir)
	d.fillInBackup(a, dir)
	d.fillInHistory(&a.History)
	d.socketPath(a, agent.Child("socket"), dir)
	d.absolute(agent.Child("pprof"), &a.Pprof, dir)
	d.fillInPrices(&c.Prices, dir)
	d.fillInJobs(&c.Jobs, dir)
	d.fillInDaemon(&c.Daemon)
	d.fillInNotify(c, dir)
	d.absolute(field{"api", "tls", "cert"}, &c.API.TLS.Cert, dir)
	d.absolute(field{"api", "tls", "key"}, &c.API.TLS.Key, dir)

	for name, v := range c.Datasets {
		f := field{"datasets", name}
		fill(d, f.Child("format"), &v.Format, defaultFormat)
		fill(d, f.Child("chunk_size"), &v.ChunkSize, defaultChunkSize)
		v.Prefix = folder(v.Prefix)
		if v.Watch != nil {
			d.fillInWatch(v.Watch, f.Child("watch"))
		}
		c.Datasets[name] = v
	}
	for name, v := range c.Destinations {
		f := field{"destinations", name}
		fill(d, f.Child("layout"), &v.Layout, defaultLayout)
		fill(d, f.Child("prefix"), &v.Prefix, DatasetPlaceholder)
		fill(d, f.Child("when_pinned"), &v.WhenPinned, defaultPinned)
		fill(d, f.Child("deletions"), &v.Deletions, defaultDeletions)
		fill(d, f.Child("deletion_limit"), &v.DeletionLimit, defaultDeletionLimit)
		fill(d, f.Child("evict"), &v.Evict, defaultEvict)
		v.Prefix = folder(v.Prefix)
		c.Destinations[name] = v
	}
	for i := range c.Budgets {
		f := field{"budgets"}.Index(i)
		b := &c.Budgets[i]
		fill(d, f.Child("window"), &b.Window, defaultWindow)
		fill(d, f.Child("at_limit"), &b.AtLimit, defaultAtLimit)
		fill(d, f.Child("alerts"), &b.Alerts, []Percent{50, 80, 100})
	}
}

func fill[T any](d *document, f field, v *T, to T) {
	if !d.IsSet(f) {
		*v = to
	}
}

// statePath finds the state directory: systemd's, that of the XDG specification, or what the file says.
func (d *document) statePath(a *Agent, f field, dir string) {
	if d.IsSet(f) && a.State != "" {
		d.absolute(f, &a.State, dir)
		return
	}
	if first := systemdFolder("STATE_DIRECTORY"); first != "" {
		a.State = first
		d.absolute(f, &a.State, dir)
		return
	}
	home := xdg("XDG_STATE_HOME", filepath.Join(".local", "state"))
	if home == "" {
		d.Fail(f, "there is no home directory to keep state in; set it to a directory, for example /var/lib/datagravity")
		return
	}
	a.State = filepath.Join(home, "datagravity")
}

// systemdFolder is the folder that a unit has by a variable. systemd separates several by colons; the first is ours.
func systemdFolder(variable string) string {
	first, _, _ := strings.Cut(os.Getenv(variable), ":")
	return first
}

// variablePattern is what a shell would expand at the beginning of a path or of a folder in it.
var variablePattern = lazyre.New(`(^|/)\$[A-Za-z_]`)

// absolute makes a path absolute, relative ones from the file's folder; "" stays.
func (d *document) absolute(f field, p *string, dir string) {
	switch {
	case *p == "":
	case strings.HasPrefix(*p, "~"):
		d.Fail(f, "%q: ~ is not expanded; write the whole path", *p)
	case variablePattern.MatchString(*p):
		d.Fail(f, "%q: variables are not expanded in this file; write the whole path", *p)
	case filepath.IsAbs(*p):
		*p = filepath.Clean(*p)
	default:
		*p = filepath.Join(dir, *p)
	}
}
