package lease

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// onEach runs a trial on every kind of store.
func onEach(t *testing.T, trial func(t *testing.T, a, b store.Store)) {
	t.Parallel()
	for name, url := range map[string]func(t *testing.T) string{
		"azurite":         func(t *testing.T) string { return emutest.Bucket(t, emutest.Azurite(t)) },
		"versitygw":       func(t *testing.T) string { return emutest.Bucket(t, emutest.S3(t)) },
		"fake-gcs-server": func(t *testing.T) string { return emutest.Bucket(t, emutest.GCS(t)) },
		"gcstest":         strictGCS,
		"file":            func(t *testing.T) string { return "file://" + t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			at := url(t)
			trial(t, opentest.Store(t, at), opentest.Store(t, at))
		})
	}
	t.Run("mem", func(t *testing.T) {
		s := mem.New(mem.Options{})
		trial(t, s, s)
	})
}

func strictGCS(t *testing.T) string {
	t.Helper()
	s := gcstest.NewServer(gcstest.Options{})
	t.Cleanup(s.Close)
	return s.StoreURL()
}

func process(t *testing.T, name string, length time.Duration) *Keeper {
	k := New(Options{Holder: Holder{Manifest: name, Place: name, Host: name, PID: 1, Command: "datagravity sync"}, Length: length, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(k.Close)
	return k
}

// On every kind of store: taken, refused, renewed, given up, taken back, and taken over when nobody renews it.
func TestOnServers(t *testing.T) {
	onEach(t, func(t *testing.T, sa, sb store.Store) {
		const length = 2 * time.Second
		a, b := process(t, "a", length), process(t, "b", length)
		h := mustHold(t, a, sa, "data/c4/")
		if held := refused(t, b, sb, "data/"); held.Holder.Host != "a" || held.Prefix != "data/c4/" {
			t.Errorf("%+v", held)
		}
		if _, err := b.Hold(t.Context(), sb, "data/c4/", 2*length); !errors.Is(err, ErrHeld) {
			t.Errorf("one that is renewed was not refused: %v", err)
		}
		if h.Err() != nil {
			t.Error(h.Err())
		}
		a.Close()
		if left := leasesIn(t, sa); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		line := &crashing{Store: sb}
		dying := process(t, "dying", length)
		mustHold(t, dying, line, "data/c4/")
		line.crash()
		own := process(t, "dying", length)
		back := mustHold(t, own, sa, "data/c4/")
		if back.Err() != nil {
			t.Error(back.Err())
		}
		own.Close()
		line = &crashing{Store: sa}
		dead := process(t, "dead", length)
		mustHold(t, dead, line, "data/c4/")
		line.crash()
		refused(t, b, sb, "data/c4/")
		over, err := b.Hold(t.Context(), sb, "data/c4/", 20*length)
		if err != nil || over.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(length)
		if over.Err() != nil {
			t.Error(over.Err())
		}
		if n := len(leasesIn(t, sa)); n != 1 {
			t.Errorf("%d leases", n)
		}
	})
}

// Of many that try at the same moment one gets it, whatever overlapping prefix they are at.
func TestRaceOnServers(t *testing.T) {
	onEach(t, func(t *testing.T, sa, sb store.Store) {
		prefixes := []string{"data/", "data/c4/", "data/c4/", "data/c4/train/"}
		for range 3 {
			var mu sync.Mutex
			var got []*Held
			var keepers []*Keeper
			var wg sync.WaitGroup
			for i, prefix := range prefixes {
				k := process(t, string(rune('a'+i)), time.Minute)
				keepers = append(keepers, k)
				st := []store.Store{sa, sb}[i%2]
				wg.Go(func() {
					h, err := k.Hold(t.Context(), st, prefix, 0)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						got = append(got, h)
					case !errors.Is(err, ErrHeld):
						t.Errorf("%s: %v", prefix, err)
					}
				})
			}
			wg.Wait()
			if len(got) > 1 {
				t.Errorf("%d have it", len(got))
			}
			for _, k := range keepers {
				k.Close()
			}
			if left := leasesIn(t, sa); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	})
}

// What doctor prints for a destination suffices for leases, where a server enforces it: they are listed, read, written, replaced and removed.
func TestPolicySuffices(t *testing.T) {
	server := emutest.S3(t)
	raw := emutest.Bucket(t, server)
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	user, secret := "u"+strings.ToLower(rand.Text()), rand.Text()
	if err := server.CreateUser(t.Context(), user, secret); err != nil {
		t.Fatal(err)
	}
	var policy map[string]any
	if err := json.Unmarshal([]byte(probe.Policy("s3", u.Host, "data/", "destination")), &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy["Statement"].([]any) {
		s.(map[string]any)["Principal"] = map[string]any{"AWS": user}
	}
	b, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetPolicy(t.Context(), u.Host, string(b)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", user)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	s := opentest.Store(t, raw)
	a, b2 := process(t, "a", 2*time.Second), process(t, "b", 2*time.Second)
	h := mustHold(t, a, s, "data/c4/")
	refused(t, b2, s, "data/c4/")
	time.Sleep(3 * time.Second)
	if h.Err() != nil {
		t.Error(h.Err())
	}
	a.Close()
	if left := leasesIn(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// What it may not is known by its name.
	if _, err := s.Put(t.Context(), "elsewhere/x", nil, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrPermission) {
		t.Errorf("the policy is not enforced: %v", err)
	}
}
