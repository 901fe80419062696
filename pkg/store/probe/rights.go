package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

// Result of trying one right.
type Result struct {
	// Tried is false where there was nothing to try it on; Hint says why.
	Tried bool
	Err   error
	// Hint tells what to do about Err, or why it was not tried; "" if all is well.
	Hint string
}

// OK tells that the right was tried and is there.
func (r Result) OK() bool { return r.Tried && r.Err == nil }

// Report is what the credentials may do.
type Report struct {
	List, Read, Write, Delete Result
}

// Err joins every failure, each with its hint; nil if nothing that was tried failed.
func (r Report) Err() error {
	var errs []error
	for _, p := range []struct {
		right string
		Result
	}{{"list", r.List}, {"read", r.Read}, {"write", r.Write}, {"delete", r.Delete}} {
		if p.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w (%s)", p.right, p.Err, p.Hint))
		}
	}
	return errors.Join(errs...)
}

// Rights tries to list prefix and to read the first byte of its first object that has one. With write it also creates a
// small object under .datagravity/probe/, reads it and deletes it. It costs at most six requests and 33 bytes of payload.
func Rights(ctx context.Context, s store.Store, prefix string, write bool) Report {
	var r Report
	page, err := s.List(ctx, store.ListOptions{Prefix: prefix, Max: 100})
	r.List = result(err, "list", s)
	r.Read = Result{Hint: fmt.Sprintf("nothing to read: no object under %q in the first page of its listing has a byte", prefix)}
	for _, o := range page.Objects {
		if o.Size > 0 && !store.IsPrivate(o.Key) {
			r.Read = result(s.ReadRange(ctx, o.Ref(), 0, make([]byte, 1)), "read", s)
			break
		}
	}
	if !write {
		const why = "not asked for: a source needs no such right"
		r.Write, r.Delete = Result{Hint: why}, Result{Hint: why}
		return r
	}
	var read Result
	r.Write, read, r.Delete = tryWrite(ctx, s, store.Private+"probe/"+rand.Text())
	if !r.Read.Tried && read.Tried {
		r.Read = read
	}
	return r
}

// tryWrite creates a small object, reads it and deletes it again.
func tryWrite(ctx context.Context, s store.Store, key string) (write, read, del Result) {
	data := []byte("datagravity probe")
	o, err := s.Put(ctx, key, data, store.WriteOptions{
		Condition: store.IfAbsent(), Properties: store.Properties{ContentType: "text/plain"},
	})
	write = result(err, "write", s)
	if err != nil {
		return write, read, Result{Hint: "not tried: nothing could be written"}
	}
	got := make([]byte, len(data))
	if err = s.ReadRange(ctx, o.Ref(), 0, got); err == nil && string(got) != string(data) {
		err = &store.Error{Op: "read", Store: s.URL(), Key: key, Kind: store.ErrIntegrity, Err: errors.New("read back other bytes than were written")}
	}
	read = result(err, "read", s)
	del = result(s.Delete(ctx, o.Ref()), "delete", s)
	if del.Err != nil {
		del.Hint += "; " + key + " is left behind"
	}
	return write, read, del
}

func result(err error, right string, s store.Store) Result {
	r := Result{Tried: true, Err: err}
	if err == nil {
		return r
	}
	switch store.KindOf(err) {
	case store.ErrPermission: //nolint:errorlint // KindOf gives one of the kinds themselves
		to := right
		if right == "look" {
			to = "read, or to be told that there is nothing to read,"
		}
		r.Hint = fmt.Sprintf("the credentials lack the right to %s here: %s", to, rightName(s.Capabilities().Provider, right))
	case store.ErrAuth:
		r.Hint = "the credentials are missing, expired or wrong: renew them and check the machine's clock"
	case store.ErrNotFound:
		r.Hint = "check the name of the bucket, container or directory, and of the account"
	case store.ErrThrottled, store.ErrTransient:
		r.Hint = "the service or the network has trouble: try again, and check the endpoint and the proxy if it stays"
	case store.ErrConflict, store.ErrUnsupported:
		r.Hint = "the store cannot do conditional writes as datagravity needs them, or a retention policy forbids this"
	default:
		r.Hint = "the store refused this for a reason that is not a missing right"
	}
	return r
}

// rightName names what grants a right in the provider's words.
func rightName(provider, right string) string {
	names := map[string]map[string]string{
		"aws": {
			"list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject",
			"look":   "s3:GetObject, and s3:ListBucket without a condition on a prefix",
			"delete": "s3:DeleteObject on " + store.Private + "*",
		},
		"gcp": {
			"list": "storage.objects.list", "read": "storage.objects.get", "write": "storage.objects.create",
			"look":   "storage.objects.get, and storage.objects.list on the bucket",
			"delete": "storage.objects.delete",
		},
		"azure": {
			"list": "the role Storage Blob Data Reader", "read": "the role Storage Blob Data Reader", "look": "blobs/read",
			"write": "a role with blobs/write, such as datagravity's own", "delete": "a role with blobs/delete, such as datagravity's own",
		},
	}
	if n := names[provider][right]; n != "" {
		return "grant " + n
	}
	return "check the owner and mode of the directory and everything in it"
}
