package simulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// model is the reference: what must be so whatever happened. It knows nothing of how the product works, only what the stores hold, what crossed the
// wires, and what was claimed.
type model struct {
	// versions are the contents that the source ever had, by path.
	versions map[string]map[chunker.Digest]bool
	// touched are the destination's keys, with the ETag that stood there, that were damaged without the store's telling.
	touched map[string]string
	// behind are the destination's keys that somebody else wrote or removed.
	behind map[string]bool
	agents map[string]*account
	wrong  []string
}

// account of an agent: what it may spend and did, in bytes on paid wires, each of which costs the same.
type account struct {
	limit, wire int64 // limit 0: none
	// first are bytes that were read whole for the first time, again those that were read whole more than once.
	first, again int64
	// excused bytes may be read again: parts that were in flight when something failed.
	excused int64
	seen    map[string]bool // ranges, by key and ETag
}

// object at the destination, as it is.
type object struct {
	etag   string
	digest chunker.Digest
	size   int64
}

// claim of an agent's manifest: a key holds a shard.
type claim struct {
	key, path, etag string
	digest          chunker.Digest
	size            int64
}

func newModel() *model {
	return &model{versions: map[string]map[chunker.Digest]bool{}, touched: map[string]string{}, behind: map[string]bool{}, agents: map[string]*account{}}
}

func (m *model) fail(format string, a ...any) {
	if s := fmt.Sprintf(format, a...); len(m.wrong) < 20 && !slices.Contains(m.wrong, s) {
		m.wrong = append(m.wrong, s)
	}
}

func (m *model) hired(agent string, limit int64) {
	m.agents[agent] = &account{limit: limit, seen: map[string]bool{}}
}

func (m *model) wrote(path string, d chunker.Digest) {
	if m.versions[path] == nil {
		m.versions[path] = map[chunker.Digest]bool{}
	}
	m.versions[path][d] = true
}

// carried notes bytes on a paid wire, and that these never pass what may be spent.
func (m *model) carried(agent string, bytes int64) {
	a := m.agents[agent]
	a.wire += bytes
	if a.limit > 0 && a.wire > a.limit {
		m.fail("%s put %d bytes on the wire, its budget is %d", agent, a.wire, a.limit)
	}
}

// read notes a range of the source that an agent got whole, and that no more is read again than was in flight when something failed.
func (m *model) read(agent, key, etag string, off, n int64) {
	a := m.agents[agent]
	id := fmt.Sprintf("%s %s %d %d", key, etag, off, n)
	if !a.seen[id] {
		a.seen[id] = true
		a.first += n
		return
	}
	if a.again += n; a.again > a.excused {
		m.fail("%s read %d bytes again, of which %d were in flight when something failed", agent, a.again, a.excused)
	}
}

// excuse has bytes be read again without blame.
func (m *model) excuse(agent string, bytes int64) { m.agents[agent].excused += bytes }

// claimed compares what a manifest claims with what is there. An ETag that differs is another's write that the agent did not see yet.
func (m *model) claimed(agent string, c claim, is *object) {
	switch {
	case !m.versions[c.path][c.digest]:
		m.fail("%s claims that %q holds %s, which the source never had there", agent, c.key, c.digest)
	case is == nil:
		if !m.behind[c.key] && len(m.agents) == 1 {
			m.fail("%s claims %q as %s, which is not there, and nobody removed it", agent, c.key, c.etag)
		}
	case is.etag != c.etag: // what replaces it is not recorded yet
		if !m.behind[c.key] && !m.versions[c.path][is.digest] {
			m.fail("%q holds %s, which the source never had there", c.key, is.digest)
		}
	case m.touched[c.key] == c.etag: // its bytes rotted
	case is.digest != c.digest || is.size != c.size:
		m.fail("%s claims that %q holds %s, it holds %s", agent, c.key, c.digest, is.digest)
	}
}

// ready compares what was called ready with what is there: all of it, proven.
func (m *model) ready(agent, job string, wanted []claim, at func(key string) *object, strict bool) {
	if len(wanted) == 0 {
		m.fail("%s calls job %s ready, which wants nothing", agent, job)
	}
	for _, c := range wanted {
		is := at(c.key)
		excused := !strict && (m.behind[c.key] || len(m.agents) > 1 || is != nil && m.touched[c.key] == is.etag)
		switch {
		case excused:
		case is == nil:
			m.fail("%s calls job %s ready, %q is absent", agent, job, c.key)
		case is.digest != c.digest:
			m.fail("%s calls job %s ready, %q holds %s, not %s", agent, job, c.key, is.digest, c.digest)
		}
	}
}

// collected wants nothing to be left open.
func (m *model) collected(uploads, temporary []string) {
	if len(uploads)+len(temporary) > 0 {
		m.fail("left behind: uploads %s, temporary objects %s", strings.Join(uploads, " "), strings.Join(temporary, " "))
	}
}
