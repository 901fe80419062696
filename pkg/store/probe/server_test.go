package probe_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// careless does not look at conditions.
type careless struct{ *mem.Store }

func (c careless) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	o.Condition = store.Always()
	return c.Store.Put(ctx, key, data, o)
}

func opened(t *testing.T, raw string) store.Store {
	t.Helper()
	s, err := open.Open(t.Context(), raw, open.Options{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The write in vain is a conflict on every kind of store, and leaves nothing.
func TestTrialsOnServers(t *testing.T) {
	for name, raw := range map[string]string{
		"azurite": emutest.Bucket(t, emutest.Azurite(t)), "versitygw": emutest.Bucket(t, emutest.S3(t)), "fake-gcs-server": emutest.Bucket(t, emutest.GCS(t)),
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, raw)
			for _, rights := range [][]probe.Right{edge(), origin()} {
				for _, trial := range probe.Try(t.Context(), s, rights, true) {
					if !trial.OK() {
						t.Errorf("%s below %s: %v", trial.Right, trial.Prefix, trial.Err)
					}
				}
			}
			page, err := s.List(t.Context(), store.ListOptions{})
			if err != nil || len(page.Objects) != 0 {
				t.Errorf("%v, %v are left", err, page.Objects)
			}
		})
	}
}

// limited opens a bucket for somebody who may do what a printed policy says. versitygw takes it as the bucket's.
func limited(t *testing.T, raw, policy string) store.Store {
	t.Helper()
	user, secret := "u"+strings.ToLower(rand.Text()), rand.Text()
	server := emutest.S3(t)
	if err := server.CreateUser(t.Context(), user, secret); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(policy, "BUCKET", u.Host)), &doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc["Statement"].([]any) {
		s.(map[string]any)["Principal"] = map[string]any{"AWS": user}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetPolicy(t.Context(), u.Host, string(b)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", user)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	return opened(t, raw)
}

// What --policy prints for S3 suffices for what it is printed for, and for nothing else, where a server enforces it.
func TestS3PolicyIsEnforced(t *testing.T) {
	for name, rights := range map[string][]probe.Right{"edge": edge(), "origin": origin()} {
		t.Run(name, func(t *testing.T) {
			raw := emutest.Bucket(t, emutest.S3(t))
			root := opened(t, raw)
			policy := probe.PolicyOf("s3", "BUCKET", name, rights)
			s := limited(t, raw, policy)
			for _, trial := range probe.Try(t.Context(), s, rights, true) {
				if !trial.OK() {
					t.Errorf("%s below %s: %v", trial.Right, trial.Prefix, trial.Err)
				}
			}
			for _, at := range []string{
				"c4/", "other/", ".datagravity/", ".datagravity/v1/datasets/c4/", ".datagravity/v1/datasets/other/", ".datagravity/v1/agents/", ".datagravity/v1/asks/iowa/",
				".datagravity/v1/asks/ohio/", ".datagravity/v1/grants/iowa/", ".datagravity/v1/grants/ohio/", ".datagravity/v1/wants/iowa/", ".datagravity/v1/wants/ohio/",
				".datagravity/v1/answers/iowa/", ".datagravity/v1/packs/iowa/", ".datagravity/v1/packs/ohio/",
			} {
				want := allowed(rights, at)
				got := does(t, root, s, at+"object")
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s:\n%s", at, d)
				}
			}
		})
	}
}

func allowed(rights []probe.Right, key string) (out []string) {
	for _, r := range rights {
		if !strings.HasPrefix(key, r.Prefix) {
			continue
		}
		for name, may := range map[string]bool{"read": r.Read, "write": r.Write, "delete": r.Delete} {
			if may {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// does tries everything on an object that is there.
func does(t *testing.T, root, s store.Store, key string) (out []string) {
	t.Helper()
	there, err := root.Put(t.Context(), key, []byte("x"), store.WriteOptions{Condition: store.Always()})
	if err != nil {
		t.Fatal(err)
	}
	note := func(what string, err error) {
		switch {
		case err == nil:
			out = append(out, what)
		case store.KindOf(err) != store.ErrPermission:
			t.Errorf("%s %s: %v", what, key, err)
		}
	}
	note("read", s.ReadRange(t.Context(), there.Ref(), 0, make([]byte, 1)))
	fresh := strings.TrimSuffix(key, "object") + "fresh"
	_, err = s.Put(t.Context(), fresh, nil, store.WriteOptions{Condition: store.IfAbsent()})
	note("write", err)
	note("delete", s.Delete(t.Context(), store.Ref{Key: key}))
	slices.Sort(out)
	return out
}

// Where a right is missing, the trial of it says so.
func TestTrialsFindWhatIsMissing(t *testing.T) {
	rights := edge()
	for i, r := range rights {
		if r.Prefix == ".datagravity/v1/agents/" {
			continue // listing is of the whole bucket
		}
		less := slices.Delete(slices.Clone(rights), i, i+1)
		raw := emutest.Bucket(t, emutest.S3(t))
		t.Run(r.Prefix, func(t *testing.T) {
			s := limited(t, raw, probe.PolicyOf("s3", "BUCKET", "edge", less))
			for _, trial := range probe.Try(t.Context(), s, rights, true) {
				missing := trial.Prefix == r.Prefix && trial.Right != "list"
				if missing != (store.KindOf(trial.Err) == store.ErrPermission) {
					t.Errorf("%s below %s: %v", trial.Right, trial.Prefix, trial.Err)
				}
			}
		})
	}
}
