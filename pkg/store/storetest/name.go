package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

var nameCases = []Case{
	{"odd-keys", oddKeys},
	{"odd-keys-in-uploads-and-copies", oddUploads},
	{"file-and-folder", fileAndFolder},
}

// OddKeys are names that some client, server or file system is known to change; a store holds each exactly or refuses it
// with ErrName. A name that starts with "/" is used at the root, all others in the run's folder.
func OddKeys() []string {
	return []string{
		"a//b", "/a", "a/./b", "a/../b", "./a", "../a", ".", "..", "a/.", "a/..", "...", ".a", "a.", "a./b", "a b", " a", "a ", "+", "a+b", "%2F", "%", "%25", "%zz",
		"?", "a?b=c", "#", "a#b", "a&b", "a=b", "a;b", "a:b", "a*b", "a|b", "<a>", `"a"`, "'a'", "~", "$HOME", "[a]{b}", "a@b", "a,b", "(a)!",
		"a\nb", "a\rb", "a\tb", "a\x01b", "a\x7fb", `a\b`, `\`, "é", "e\u0301", "日本語/データ", "🚀", "a\u00a0b", "a\u202eb", "dir/", "CON", "A",
		long255, long1024, long1024Segments,
	}
}

// A segment as long as file systems take, and keys of 1024 bytes in the default folder, in one segment and in many.
var (
	long255          = strings.Repeat("s", 255)
	long1024         = "long:1024"
	long1024Segments = "long:1024/segments"
)

// oddKey is the full key of an odd name, and the folder to list it in.
func (e *Env) oddKey(i int, name string) (key, folder string) {
	folder = e.key(fmt.Sprintf("%02d/", i))
	if strings.HasPrefix(name, "/") {
		folder = "/" + folder
		return folder + strings.TrimPrefix(name, "/"), folder
	}
	switch name {
	case long1024:
		return folder + strings.Repeat("x", 1024-len(folder)), folder
	case long1024Segments:
		return (folder + strings.Repeat("0123456789/", 94))[:1023] + "z", folder
	}
	return folder + name, folder
}

func oddKeys(ctx context.Context, e *Env) error {
	var errs []error
	for i, name := range OddKeys() {
		if err := e.unless(KeyMangled(name), e.oddOne(ctx, i, name)); err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w", quote(name), err))
		}
	}
	return errors.Join(errs...)
}

// oddOne wants the key exact through every operation, or refused by all that take one.
func (e *Env) oddOne(ctx context.Context, i int, name string) error {
	key, folder := e.oddKey(i, name)
	var b []byte
	if name != "dir/" { // the 0-byte object that consoles make for a folder
		b = e.data(name, 20)
	}
	if e.Store.Capabilities().Names.Check(key) != nil {
		_, err := e.Store.Put(ctx, key, b, absent(b))
		if err := refused("put", err, store.ErrName); err != nil {
			return err
		}
		_, err = e.Store.CreateUpload(ctx, key, store.UploadOptions{Size: 20})
		if err := refused("create upload", err, store.ErrName); err != nil {
			return err
		}
		return e.lists(ctx, folder)
	}
	o, err := e.put(ctx, key, b)
	if err != nil {
		return err
	}
	if err := e.lists(ctx, folder, key); err != nil {
		return err
	}
	if err := e.holds(ctx, key, b); err != nil {
		return err
	}
	if err := e.Store.Delete(ctx, o.Ref()); err != nil && !e.has(DeleteIgnoresPin) {
		return fmt.Errorf("delete: %w", err)
	}
	return e.lists(ctx, folder)
}

// lists wants exactly these keys in a folder.
func (e *Env) lists(ctx context.Context, folder string, want ...string) error {
	objects, err := e.list(ctx, folder, 0)
	if err != nil {
		return err
	}
	got := keysOf(objects)
	slices.Sort(got) // order is another case's matter
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the folder lists %q, want %q", got, want)
	}
	return nil
}

// oddUploads sends the characters that every store takes through the requests with more than a key in their URLs or
// headers: parts, copies and pinned reads.
func oddUploads(ctx context.Context, e *Env) error {
	name := "a b+c%2Fd?e#f&g=h;i:é日/~(1)!'@,$.tar"
	err := e.oddUpload(ctx, e.key(name))
	return e.unless(KeyMangled(name), err)
}

func (e *Env) oddUpload(ctx context.Context, key string) error {
	b, err := e.begin(ctx, key, "odd", 1)
	if err != nil {
		return err
	}
	us, err := e.Store.ListUploads(ctx, e.Prefix)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	if !e.has(ListUploadsIncomplete) && (len(us) != 1 || us[0].Key != key) {
		return fmt.Errorf("list uploads: got %+v, want key %s", us, quote(key))
	}
	o, err := e.finish(ctx, b.Upload, b.parts, b.body)
	if err != nil {
		return err
	}
	if ok, err := canCopy(ctx, e); !ok {
		return err
	}
	to := key + " copy"
	if _, err := e.Store.Copy(ctx, to, o.Ref(), absent(b.body)); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := e.holds(ctx, to, b.body); err != nil {
		return err
	}
	return e.lists(ctx, e.Prefix, key, to)
}

func fileAndFolder(ctx context.Context, e *Env) error {
	one := e.Store.Capabilities().Names.FileOrFolder
	for i, pair := range [][2]string{{"foo", "foo/bar"}, {"foo/bar/baz", "foo"}} {
		first, second := e.key(fmt.Sprintf("%d/", i)+pair[0]), e.key(fmt.Sprintf("%d/", i)+pair[1])
		b, c := e.data("first", 30), e.data("second", 30)
		if _, err := e.put(ctx, first, b); err != nil {
			return err
		}
		if _, err := e.Store.Head(ctx, second); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("head of %q beside %q: got %w, want %w", pair[1], pair[0], err, store.ErrNotFound)
		}
		_, err := e.Store.Put(ctx, second, c, absent(c))
		if one {
			err = refused(fmt.Sprintf("put %q beside %q", pair[1], pair[0]), err, store.ErrName)
		} else if err == nil {
			err = e.holds(ctx, second, c)
		}
		if err == nil {
			err = e.holds(ctx, first, b)
		}
		if err != nil {
			if err := e.unless(KeyMangled(pair[1]), fmt.Errorf("%q beside %q: %w", pair[1], pair[0], err)); err != nil {
				return err
			}
		}
	}
	return nil
}
