package config

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/internal/yamldoc"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// leastPartsInMemory: a part of a huge object is larger than agent.part_size, and one that does not fit the memory cannot
	// move at all; four leave room to double twice.
	leastPartsInMemory = 4

	leastPartSize Size = 1 << 20
	mostPartSize  Size = 1 << 30
	mostChunkSize Size = 16 << 20

	// mostParallel bounds agent.shards and agent.parts. Memory limits long before it; more is a slip of the finger.
	mostParallel = 1024
)

// roles of an agent; without one it does everything and publishes nothing.
var roles = []string{Origin, Edge}

// budgetsOf are whose budgets an edge reads on.
var budgetsOf = []string{OriginBudget, OwnBudget}

// layouts of a destination.
var layouts = []string{"mirror", "snapshots"}

// check reports what the values mean together, or cannot mean.
func (d *document) check(c *Config) {
	d.checkAgent(c.Agent)
	for _, name := range names(c.Stores) {
		d.checkName("store", field{"stores", name}, name)
		d.checkProviderName(field{"stores", name}, name, c.Stores[name].Location)
		d.checkStore(field{"stores", name}, c.Stores[name], c.Agent.AllowInsecure)
		d.checkExchange(field{"stores", name, "exchange"}, name, c)
	}
	for _, name := range names(c.Datasets) {
		d.checkName("dataset", field{"datasets", name}, name)
		d.checkDataset(field{"datasets", name}, c.Datasets[name], c)
	}
	for _, name := range names(c.Destinations) {
		d.checkName("destination", field{"destinations", name}, name)
		d.checkProviderName(field{"destinations", name}, name, c.Stores[c.Destinations[name].Store].Location)
		d.checkDestination(field{"destinations", name}, c.Destinations[name], c)
	}
	d.checkBudgets(c)
	d.checkLinks(c)
	d.checkPrices(c.Prices)
	d.checkJobs(c)
	d.checkDaemon(c.Daemon)
	d.checkNotify(c)
	d.checkTracing(c)
	d.checkAPI(c.API)
}

func (d *document) checkAgent(a Agent) {
	f := field{"agent"}
	if err := a.CheckSocket(); err != nil && d.IsSet(f.Child("socket")) {
		d.Wrong(f.Child("socket"), "%v", err)
	}
	d.checkBackup(a)
	d.checkHistory(a.History)
	d.checkPprof(f.Child("pprof"), a)
	d.checkRegion(f.Child("location"), a.Location)
	if a.Role != "" {
		d.checkWord(f.Child("role"), a.Role, roles)
	}
	if a.Budget != "" {
		d.checkWord(f.Child("budget"), a.Budget, budgetsOf)
		if a.Role != Edge {
			d.Wrong(f.Child("budget"), "only an edge reads on another agent's budgets; set role to %s, or leave it out", Edge)
		}
	}
	if d.IsSet(f.Child("name")) {
		d.checkName("agent", f.Child("name"), a.Name)
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"shards", a.Shards}, {"parts", a.Parts}} {
		if n.value < 1 || n.value > mostParallel {
			d.Wrong(f.Child(n.name), "%d: want 1 to %d", n.value, mostParallel)
		}
	}
	d.checkLease(f.Child("lease"), a)
	d.checkPower(f.Child("part_size"), a.PartSize, leastPartSize, mostPartSize)
	if d.Failed(f.Child("part_size")) {
		return
	}
	if least := leastPartsInMemory * a.PartSize; a.Memory < least {
		at := f.Child("memory")
		if !d.IsSet(at) {
			at = f.Child("part_size") // the default memory is too small for it
		}
		d.Wrong(at, "memory of %s is too small for parts of %s; want a memory of at least %s (%d parts), or smaller parts",
			a.Memory, a.PartSize, least, leastPartsInMemory)
	}
}

func (d *document) checkPower(f field, v, least, most Size) {
	if v < least || v > most || v&(v-1) != 0 {
		d.Wrong(f, "%s: want a power of two from %s to %s", v, least, most)
	}
}

// namePattern keeps names whole in DATASET@SNAPSHOT, in a budget's selectors, in key prefixes and on a command line.
var namePattern = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (d *document) checkName(kind string, f field, name string) {
	if !namePattern.MatchString(name) {
		d.Fail(f, "%q cannot name %s; use up to 63 letters, digits, dots, dashes and underscores, a letter or digit first", name, article(kind))
	}
}

// article puts "a" or "an" before a word.
func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// checkProviderName: a budget's "aws" means all that is there, so that nothing elsewhere can have that name.
func (d *document) checkProviderName(f field, name string, l store.Location) {
	if slices.Contains(store.Providers, name) && !l.IsZero() && l.Provider != name {
		d.Fail(f, "is named for a provider, but lies in %s, and a budget could not tell them apart; give it another name", l)
	}
}

func (d *document) checkDataset(f field, v Dataset, c *Config) {
	checkKnown(d, f.Child("store"), "store", v.Store, c.Stores)
	d.checkPrefix(f.Child("prefix"), v.Prefix)
	d.checkGlobs(f.Child("include"), v.Include)
	d.checkGlobs(f.Child("exclude"), v.Exclude)
	d.checkWord(f.Child("format"), v.Format, jobs.Formats)
	d.checkPower(f.Child("chunk_size"), v.ChunkSize, Size(chunker.LeastAvgBytes), mostChunkSize)
	if v.ChunkAlgorithm != "" {
		d.checkWord(f.Child("chunk_algorithm"), v.ChunkAlgorithm, chunker.Algorithms())
	}
	for i, name := range v.Digests {
		if known := chunker.ExtraAlgorithms(); !slices.Contains(known, name) {
			d.Wrong(f.Child("digests").Index(i), "unknown digest %q%s (known: %s; BLAKE3, CRC64NVME and CRC32C are always recorded)",
				name, yamldoc.DidYouMean(name, known), strings.Join(known, ", "))
		}
	}
	for i, name := range v.Related {
		at := f.Child("related").Index(i)
		if f[len(f)-1] == name {
			d.Wrong(at, "%s is the dataset itself", name)
			continue
		}
		checkKnown(d, at, "dataset", name, c.Datasets)
	}
	d.checkWatch(f.Child("watch"), v, c)
	when := f.Child("complete_when")
	if w := v.CompleteWhen; w != nil && !d.Failed(when) {
		set := func(name string) bool { return d.IsSet(when.Child(name)) }
		switch {
		case !set("marker") && !set("unchanged_for"):
			d.Fail(when, "names no condition; give marker or unchanged_for, or take the field out")
		case set("marker") && (w.Marker == "" || strings.HasPrefix(w.Marker, "/") || strings.HasSuffix(w.Marker, "/")):
			d.Wrong(when.Child("marker"), "%q: want the path of an object within the dataset, for example _SUCCESS", w.Marker)
		}
		if set("unchanged_for") && w.UnchangedFor == 0 {
			d.Wrong(when.Child("unchanged_for"), "must be more than 0, for example 10m")
		}
	}
}

func (d *document) checkDestination(f field, v Destination, c *Config) {
	checkKnown(d, f.Child("store"), "store", v.Store, c.Stores)
	prefix := f.Child("prefix")
	d.checkPrefix(prefix, v.Prefix)
	if rest := strings.ReplaceAll(v.Prefix, DatasetPlaceholder, ""); strings.ContainsAny(rest, "{}") {
		d.Wrong(prefix, "%q: only %s can stand in braces", v.Prefix, DatasetPlaceholder)
	}
	d.checkWord(f.Child("layout"), v.Layout, layouts)
	d.checkRoom(f, v)
	if s, known := c.Stores[v.Store]; known && strings.HasPrefix(s.URL, "file:") {
		for _, name := range []string{"kms_key", "storage_class"} { // without them shards would lie there in the clear, and nobody would have said so
			if d.IsSet(f.Child(name)) {
				d.Wrong(f.Child(name), "store %s is a directory, which has none; leave it out", v.Store)
			}
		}
	}
	for _, name := range names(c.Datasets) {
		if s := c.Datasets[name]; s.Store == v.Store && s.Prefix == v.PrefixFor(name) && v.Store != "" {
			d.Fail(prefix, "dataset %s would be copied onto itself: %s %q is where it comes from; choose another store or prefix, for example %q",
				name, s.Store, s.Prefix, "copies/"+DatasetPlaceholder)
		}
	}
}

// checkKnown reports a name that is not configured, beside the nearest that is.
func checkKnown[V any](d *document, f field, kind, name string, known map[string]V) {
	if _, ok := known[name]; !ok && d.OK(f) {
		d.Fail(f, "%v", UnknownName(kind, name, names(known)))
	}
}

// checkPrefix looks at a prefix that [folder] has made whole.
func (d *document) checkPrefix(f field, prefix string) {
	switch {
	case strings.HasPrefix(prefix, "/"):
		d.Wrong(f, "%q: keys do not begin with a slash; write %q", prefix, strings.Trim(prefix, "/"))
	case store.IsPrivate(prefix):
		d.Wrong(f, "%q: what lies under %s is datagravity's own; choose another prefix", prefix, store.Private)
	}
}

func (d *document) checkGlobs(f field, globs []string) {
	for i, g := range globs {
		switch {
		case g == "":
			d.Wrong(f.Index(i), "is empty; ** matches everything")
		case !doublestar.ValidatePattern(g):
			d.Wrong(f.Index(i), "glob %q is malformed (** any folders, * any name, ? one character, {a,b} either)", g)
		case strings.HasPrefix(g, "/"):
			d.Wrong(f.Index(i), "glob %q would match nothing: paths within a dataset do not begin with a slash", g)
		}
	}
}

func (d *document) checkWord(f field, word string, known []string) {
	if !slices.Contains(known, word) {
		d.Wrong(f, "unknown %s %q%s (known: %s)", f[len(f)-1], word, yamldoc.DidYouMean(word, known), strings.Join(known, ", "))
	}
}

// regionPattern: the patterns of a price route (aws:*) are no place.
var regionPattern = lazyre.New(`^[a-z0-9][a-z0-9._-]*$`)

func (d *document) checkRegion(f field, l store.Location) {
	if !l.IsZero() && !regionPattern.MatchString(l.Region) {
		d.Wrong(f, "%q names no region or site; want provider:region, for example azure:eastus or onprem:lab1", l)
	}
}
