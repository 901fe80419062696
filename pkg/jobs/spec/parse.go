package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/internal/yamldoc"
	"github.com/datagravity/datagravity/pkg/jobs"
)

// limits of what is returned of a file. Who gave all of its 100,000 jobs a wrong name need not be told 100,000 times.
type limits struct{ jobs, mistakes int }

var fileLimits = limits{jobs: 100_000, mistakes: 1000}

// fields are a job as a file has it.
type fields struct {
	ID             string            `yaml:"id" required:"true"`
	Dataset        string            `yaml:"dataset" required:"true"`
	Snapshot       string            `yaml:"snapshot"`
	Shards         yamldoc.OneOrMore `yaml:"shards"`
	To             yamldoc.OneOrMore `yaml:"to" required:"true"`
	NeedBy         NeedBy            `yaml:"need_by"`
	Priority       int               `yaml:"priority"`
	Value          int64             `yaml:"value"`
	Team           string            `yaml:"team"`
	Keep           keep              `yaml:"keep"`
	OnSourceChange string            `yaml:"on_source_change"`
}

// Parse reads the jobs of a file; name is for messages, and its ending says whether it is .json, .jsonl or YAML. Not more is read than
// may be in a file: 256 KiB of YAML, 16 MiB of JSON, 100,000 jobs.
//
// The jobs are those that are right, in the order of the file, however many others are wrong. The error is nil, an *[Error] or [Errors]
// with every mistake in the order of the file, a thousand at most. Two jobs of one id are a mistake of the second. A file without
// a job is one too.
func Parse(name string, r io.Reader) ([]Job, error) { return parse(name, r, fileLimits) }

func parse(name string, r io.Reader, most limits) ([]Job, error) {
	bound := yamldoc.BytesOf(name)
	data, err := io.ReadAll(io.LimitReader(r, int64(bound)+1))
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // it names the path again
		}
		return nil, &Error{Path: name, Message: "cannot be read: " + err.Error()}
	}
	if len(data) > bound && bound == yamldoc.MaxBytes {
		return nil, &Error{Path: name, Message: "larger than 256KiB; write so many jobs as JSON lines, in a file .jsonl of up to 16MiB"}
	}
	p := parser{path: name, most: most, ids: map[string]int{}}
	read := 0 // right or wrong
	for d, err := range yamldoc.Records(name, data, yamldoc.Form{Noun: "job", List: "jobs"}) {
		if read++; read > most.jobs {
			p.report(&Error{Path: name, Message: fmt.Sprintf("more than %d jobs; split it", most.jobs)})
			break
		}
		if err != nil {
			p.report(err)
			continue
		}
		p.add(d)
	}
	if len(p.jobs) == 0 && p.mistakes == 0 {
		return nil, &Error{Path: name, Message: "holds no job; write at least id, dataset and to"}
	}
	return p.jobs, p.err()
}

// parser is a file on its way.
type parser struct {
	path     string
	most     limits
	jobs     []Job
	ids      map[string]int // line of the first job with an id
	wrong    Errors
	mistakes int // wrong and those that are only counted
}

func (p *parser) add(d *yamldoc.Document) {
	j := read(d)
	id := yamldoc.Field{"id"}
	if d.OK(id) {
		if first, twice := p.ids[j.ID]; twice {
			d.Fail(id, "%q is the id of an earlier job, on line %d; each needs one of its own", j.ID, first)
		} else {
			p.ids[j.ID], _ = d.Place(id)
		}
	}
	if err := d.Err(); err != nil {
		p.report(err)
		return
	}
	j.from = originOf(d)
	p.jobs = append(p.jobs, j)
}

func (p *parser) report(err error) {
	var several Errors
	if !errors.As(err, &several) {
		var one *Error
		errors.As(err, &one) // yamldoc has no other errors
		several = Errors{one}
	}
	p.mistakes += len(several)
	p.wrong = append(p.wrong, several[:min(len(several), p.most.mistakes-len(p.wrong))]...)
}

func (p *parser) err() error {
	// Those of a document as a whole come before those of its jobs.
	slices.SortStableFunc(p.wrong, func(a, b *Error) int { return a.Line - b.Line })
	if more := p.mistakes - len(p.wrong); more > 0 {
		p.wrong = append(p.wrong, &Error{Path: p.path, Message: fmt.Sprintf("and %d more mistakes", more)})
	}
	return p.wrong.Err()
}

// FromFields makes a job of fields that stood elsewhere: flags, the text of another scheduler's job. Their names and values are those
// of files; several values of one name are a list. What the caller knows better (an id, a destination for those that name none) it
// sets before. The error is nil, an *[Error] or [Errors], whose Field is the name.
func FromFields(values map[string][]string) (Job, error) {
	d, err := yamldoc.Inline(values, "a job")
	if err != nil {
		return Job{}, err
	}
	j := read(d)
	if err := d.Err(); err != nil {
		return Job{}, err
	}
	return j, nil
}

// FromPairs is [FromFields] of "name=value" texts. A name that comes several times has several values.
func FromPairs(pairs []string) (Job, error) {
	values := map[string][]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return Job{}, &Error{Message: fmt.Sprintf("%.80q: want name=value, for example dataset=c4", p)}
		}
		values[name] = append(values[name], strings.TrimSpace(value))
	}
	return FromFields(values)
}

// namePattern is how the configuration names datasets, destinations and teams.
var namePattern = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

var hexPattern = lazyre.New(fmt.Sprintf(`^[0-9a-f]{%d,%d}$`, leastHexDigits, mostHexDigits))

// read takes a job from a document, where it reports what is wrong.
func read(d *yamldoc.Document) Job {
	var v fields
	if d.Decode(&v); d.Failed(nil) {
		return Job{} // no fields at all
	}
	at := func(name string) yamldoc.Field { return yamldoc.Field{name} }
	j := Job{
		ID: v.ID, NeedBy: v.NeedBy, Priority: v.Priority, Value: v.Value, Team: v.Team, Keep: time.Duration(v.Keep), OnSourceChange: v.OnSourceChange,
	}
	if !jobs.ValidName(v.ID) {
		d.Wrong(at("id"), "%.80q cannot name a job; use up to 128 letters, digits and ._:@/-, a letter or digit first", v.ID)
	}
	readDataset(d, &j, v)
	j.Shards = readShards(d, at("shards"), v.Shards)
	j.To = readTo(d, at("to"), v.To)
	if v.Priority < -MostPriority || v.Priority > MostPriority {
		d.Wrong(at("priority"), "%d: want %d to %d", v.Priority, -MostPriority, MostPriority)
	}
	if d.IsSet(at("value")) && (v.Value < 1 || v.Value > MostValue) {
		d.Wrong(at("value"), "%d: want 1 to %d, or leave it out", v.Value, int64(MostValue))
	}
	if d.IsSet(at("team")) && !namePattern.MatchString(v.Team) {
		d.Wrong(at("team"), "%.80q cannot be a team; teams are named in the configuration", v.Team)
	}
	switch v.OnSourceChange {
	case "":
		if d.IsSet(at("on_source_change")) {
			d.Wrong(at("on_source_change"), "is empty; write %s or %s, or leave it out", Fail, Repin)
		}
		j.OnSourceChange = Fail
	case Fail, Repin:
	default:
		d.Wrong(at("on_source_change"), "unknown word %.40q%s (known: %s, %s)",
			v.OnSourceChange, yamldoc.DidYouMean(v.OnSourceChange, []string{Fail, Repin}), Fail, Repin)
	}
	return j
}

// readDataset takes DATASET@SNAPSHOT apart.
func readDataset(d *yamldoc.Document, j *Job, v fields) {
	dataset, snapshot := yamldoc.Field{"dataset"}, yamldoc.Field{"snapshot"}
	name, pinned, found := strings.Cut(v.Dataset, "@")
	at := dataset
	switch {
	case found && d.IsSet(snapshot):
		d.Wrong(snapshot, "dataset names a snapshot too; give it once")
	case !found:
		pinned, at = v.Snapshot, snapshot
	}
	if !namePattern.MatchString(name) {
		d.Wrong(dataset, "%.80q cannot be a dataset; write its name in the configuration, for example c4 or c4@1a2b3c", v.Dataset)
	}
	j.Dataset = name
	if !found && !d.IsSet(snapshot) {
		return
	}
	if pinned != Latest {
		pinned = strings.ToLower(strings.TrimPrefix(pinned, "blake3:"))
	}
	if pinned != Latest && !hexPattern.MatchString(pinned) {
		d.Wrong(at, "%.80q is no snapshot; write the first %d or more hex digits of its digest, or %s", pinned, leastHexDigits, Latest)
	}
	j.Snapshot = pinned
}

func readShards(d *yamldoc.Document, f yamldoc.Field, terms []string) []string {
	if d.IsSet(f) && len(terms) == 0 {
		d.Wrong(f, "is empty; leave it out for all shards")
	}
	if len(terms) > MostShards {
		d.Wrong(f, "%d terms: want at most %d; a glob or a range stands for many shards", len(terms), MostShards)
		return nil
	}
	for i, t := range terms {
		switch {
		case strings.TrimSpace(t) == "":
			d.Wrong(f.Index(i), "is empty; take it out")
		case len(t) > MostTermBytes:
			d.Wrong(f.Index(i), "%d bytes: want at most %d", len(t), MostTermBytes)
		case strings.ContainsFunc(t, unicode.IsControl):
			d.Wrong(f.Index(i), "%.80q has a control character", t)
		}
	}
	return terms
}

// readTo takes one destination, a list, or a text with commas as --to takes it.
func readTo(d *yamldoc.Document, f yamldoc.Field, texts []string) []string {
	if d.IsSet(f) && len(texts) == 0 {
		d.Wrong(f, "is empty; name a destination")
	}
	var to []string
	for i, text := range texts {
		at := f.Index(i)
		if len(texts) == 1 && !d.IsSet(at) {
			at = f // one text, not a list
		}
		for name := range strings.SplitSeq(text, ",") {
			name = strings.TrimSpace(name)
			switch {
			case !namePattern.MatchString(name):
				d.Wrong(at, "%.80q cannot be a destination; write its name in the configuration", name)
			case slices.Contains(to, name):
				d.Wrong(at, "%q is named twice", name)
			case len(to) == MostTo:
				d.Wrong(f, "more than %d destinations", MostTo)
				return nil
			}
			to = append(to, name)
		}
	}
	return to
}
