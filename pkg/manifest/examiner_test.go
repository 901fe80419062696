package manifest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// examined is what another process saw that opened a manifest as the daemon does, asked it for all that it should know, read all that it has, wrote to it, and checked it
// as `manifest check` does. Had the manifest ended that process, it would have ended the daemon.
type examined struct {
	// Refused is why it does not open; "": it does.
	Refused string
	// Right, Told and Gone are how many records are as they were, are said to be damaged, and are said not to be there. Wrong are those that say something else.
	Right, Told int
	Gone, Wrong []string
	// Says is the digest of all records, if none was damaged.
	Says chunker.Digest
	// Hintless are errors that do not say what to do.
	Hintless []string
	// Write is why nothing could be written; "": it could.
	Write string
	// Damaged are the findings of the check, before and after the write.
	Before, After []Finding
}

// order is what the other process is asked to look at.
type order struct {
	Dir string
	// Truth is a file with what is known, as JSON of bucket, key and stored value; "": nothing is asked for.
	Truth string
	// Later opens as commands do that use little of it.
	Later bool
}

// record is a value as it is stored.
type record struct {
	Bucket     string
	Key, Value []byte
}

// examiner is the other process. It looks at many manifests one after the other, and is started again if one ends it.
type examiner struct {
	cmd    *exec.Cmd
	in     *json.Encoder
	out    *bufio.Reader
	stderr *strings.Builder
}

// newExaminer is ended with the test.
func newExaminer(t *testing.T) *examiner {
	e := &examiner{}
	t.Cleanup(func() {
		if e.cmd != nil {
			_ = e.cmd.Process.Kill()
			_ = e.cmd.Wait()
		}
	})
	return e
}

func (e *examiner) start(t *testing.T) {
	t.Helper()
	if e.cmd != nil {
		return
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EXAMINE_MANIFESTS=1")
	e.stderr = new(strings.Builder)
	cmd.Stderr = e.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.cmd, e.in, e.out = cmd, json.NewEncoder(in), bufio.NewReader(out)
}

// hangs is how long nobody needs for a file of a MiB, on whatever machine: one that bbolt walks in a circle never ends.
const hangs = 3 * time.Minute

// examine fails the test if the other process ends, or does not.
func (e *examiner) examine(t *testing.T, o order) (seen examined) {
	t.Helper()
	e.start(t)
	err := e.in.Encode(o)
	var line []byte
	if err == nil {
		hung := time.AfterFunc(hangs, func() { _ = e.cmd.Process.Kill() })
		line, err = e.out.ReadBytes('\n')
		hung.Stop()
	}
	if err == nil {
		err = json.Unmarshal(line, &seen)
	}
	if err != nil {
		ended := e.cmd.Wait()
		e.cmd = nil
		t.Fatalf("the process that opened it ended: %v, %v\n%s", err, ended, e.stderr)
	}
	if len(seen.Hintless) > 0 {
		t.Errorf("these do not say what to do: %q", seen.Hintless)
	}
	return seen
}

// examineAll is the other process.
func examineAll(asked string) {
	if asked == "" {
		return
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	truths := map[string][]record{}
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			os.Exit(0)
		}
		if o.Truth != "" && truths[o.Truth] == nil {
			clear(truths)
			b, err := os.ReadFile(o.Truth)
			var list []record
			if err = errors.Join(err, json.Unmarshal(b, &list)); err != nil {
				panic(err)
			}
			truths[o.Truth] = list
		}
		if err := out.Encode(examineOne(o, truths[o.Truth])); err != nil {
			panic(err)
		}
	}
}

func examineOne(o order, truth []record) (seen examined) {
	m, err := OpenDir(o.Dir, Options{Now: func() time.Time { return noon }, LeavesLater: o.Later})
	if err != nil {
		seen.Refused = seen.said("open", err)
		return seen
	}
	seen.ask(m, truth)
	seen.readAll(m, truth)
	c, err := m.Check(context.Background(), CheckOptions{Alone: true})
	seen.said("check", err)
	seen.Before = c.Findings
	err = m.Update(func(tx *Tx) error { return tx.PutNeed(Need{ID: "written by the examiner"}) })
	seen.Write = seen.said("write", err)
	seen.said("close", m.Close())
	c, err = CheckCopy(context.Background(), filepath.Join(o.Dir, "manifest.db"), CheckOptions{})
	seen.said("check again", err)
	seen.After = c.Findings
	return seen
}

// said keeps an error that does not say what to do: one about damage names the command, and any other is none that damage may cause.
func (seen *examined) said(while string, err error) string {
	if err == nil {
		return ""
	}
	if text := err.Error(); !errors.Is(err, ErrCorrupt) || !strings.Contains(text, "datagravity manifest rebuild") {
		seen.Hintless = append(seen.Hintless, while+": "+text)
	}
	return err.Error()
}

// ask asks for each record by its key, through the tables.
func (seen *examined) ask(m *Manifest, truth []record) {
	for _, r := range truth {
		name := fmt.Sprintf("%s/%q", r.Bucket, r.Key)
		err := m.View(func(tx *Tx) error {
			body, ok, err := table[cbor.RawMessage]{bucket: r.Bucket}.get(tx, r.Key)
			switch {
			case err != nil:
				return err
			case !ok:
				seen.Gone = append(seen.Gone, name)
			case string(body) != string(r.Value[4:]):
				seen.Wrong = append(seen.Wrong, name)
			default:
				seen.Right++
			}
			return nil
		})
		if err != nil {
			seen.Told++
			seen.said(name, err)
		}
	}
}

// readAll reads every bucket from its beginning to its end, as lists are. Nothing must come of it that was never written.
func (seen *examined) readAll(m *Manifest, truth []record) {
	known := map[string]string{}
	for _, r := range truth {
		known[r.Bucket+"/"+string(r.Key)] = string(r.Value[4:])
	}
	all, damaged := map[string]string{}, false
	for _, bucket := range buckets {
		if bucket == "meta" { // of which one value is no record
			continue
		}
		err := m.View(func(tx *Tx) error {
			return table[cbor.RawMessage]{bucket: bucket}.scan(tx, nil, nil, func(k []byte, body cbor.RawMessage) (bool, error) {
				name := bucket + "/" + string(k)
				if was, ok := known[name]; len(truth) > 0 && (!ok || was != string(body)) {
					seen.Wrong = append(seen.Wrong, "a list has "+fmt.Sprintf("%s/%q", bucket, k))
				}
				all[name] = string(body)
				return true, nil
			})
		})
		if err != nil {
			damaged = true
			seen.said("list "+bucket, err)
		}
	}
	if !damaged {
		seen.Says = digestOf(all)
	}
}

// digestOf tells records from others.
func digestOf(all map[string]string) chunker.Digest {
	h := chunker.NewHasher()
	for _, k := range slices.Sorted(maps.Keys(all)) {
		_, _ = fmt.Fprintf(h, "%q %q\n", k, all[k])
	}
	return h.Digest()
}
