package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Right is what an agent may do with the objects whose keys begin with a prefix; "" is every object.
type Right struct {
	Prefix                    string
	List, Read, Write, Delete bool
	// Trial completes Prefix to a key under which a write is tried that cannot succeed, where what was written could not be deleted again.
	Trial string
	// Optional: without it the agent works on, if at a higher price.
	Optional bool
}

// Trial of one right below one prefix.
type Trial struct {
	Right    string // list, read, write or delete
	Prefix   string
	Optional bool
	Result
}

// unheld is an ETag that no object under a fresh key has, in the form of any store; for Cloud Storage it is a generation.
const unheld = "1"

// Try tries rights where they are needed, in the order list, read, write, delete. Reading is tried on the first byte of an object, or, where
// there is none or it may not be listed, by asking for one that is not there: who may not read is not told that.
//
// With write it also tries to write. Where the agent may delete, that is a small object under Prefix and "probe/", read and deleted again.
// Elsewhere it is a write under a condition that cannot hold, which a store refuses as a conflict if the right is there, and as forbidden if
// it is not: it looks at rights first. So nothing has to be deleted. A directory compares first; but there whoever may write may delete.
//
// For each prefix it costs at most a listing, a read and, with write, three requests more; of payload a byte, or 35.
func Try(ctx context.Context, s store.Store, rights []Right, write bool) []Trial {
	var lists, reads, writes, deletes []Trial
	for _, r := range rights {
		trial := func(right string, result Result) Trial { return Trial{right, r.Prefix, r.Optional, result} }
		page, err := s.List(ctx, store.ListOptions{Prefix: r.Prefix, Max: 100})
		if r.List {
			lists = append(lists, trial("list", result(err, "list", s)))
		}
		if r.Read {
			reads = append(reads, trial("read", tryRead(ctx, s, r.Prefix, page.Objects)))
		}
		switch {
		case !r.Write:
		case !write:
			writes = append(writes, trial("write", untried))
			if r.undoes(s) {
				deletes = append(deletes, trial("delete", untried))
			}
		case r.undoes(s):
			w, back, d := tryWrite(ctx, s, r.Prefix+"probe/"+rand.Text())
			writes = append(writes, trial("write", w))
			if back.Err != nil {
				reads = append(reads, trial("read", back))
			}
			if d.Tried {
				deletes = append(deletes, trial("delete", d))
			}
		default:
			writes = append(writes, trial("write", tryInVain(ctx, s, r.Prefix+r.Trial)))
		}
	}
	return append(append(lists, reads...), append(writes, deletes...)...)
}

var untried = Result{Hint: "not asked for"}

// undoes tells whether what is written for a trial can be deleted again.
func (r Right) undoes(s store.Store) bool {
	return r.Delete && !r.Optional || strings.HasPrefix(s.URL(), "file:")
}

func tryRead(ctx context.Context, s store.Store, prefix string, there []store.Object) Result {
	for _, o := range there {
		if o.Size > 0 && (!store.IsPrivate(o.Key) || store.IsPrivate(prefix)) {
			err := s.ReadRange(ctx, o.Ref(), 0, make([]byte, 1))
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrChanged) {
				break // another agent is at work
			}
			return result(err, "read", s)
		}
	}
	_, err := s.Head(ctx, prefix+strings.ToLower(rand.Text()))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return result(err, "look", s)
}

// tryInVain writes under a condition that cannot hold.
func tryInVain(ctx context.Context, s store.Store, key string) Result {
	o, err := s.Put(ctx, key, nil, store.WriteOptions{Condition: store.IfMatch(unheld), Properties: store.Properties{ContentType: "text/plain"}})
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return Result{Tried: true}
	}
	if err != nil {
		return result(err, "write", s)
	}
	r := Result{Tried: true, Hint: "the store does not compare ETags when it writes, as datagravity needs it", Err: &store.Error{
		Op: "write", Store: s.URL(), Key: key, Kind: store.ErrUnsupported, Err: errors.New("it was written under a condition that does not hold"),
	}}
	if err := s.Delete(ctx, o.Ref()); err != nil {
		r.Hint += fmt.Sprintf("; %s is left behind", key)
	}
	return r
}
