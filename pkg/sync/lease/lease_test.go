package lease

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestSecondIsToldWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{URL: "s3://bucket"})
		a, b := here("gpu7").keeper(10*time.Minute), here("login1").keeper(10*time.Minute)
		defer a.Close()
		defer b.Close()
		mustHold(t, a, s, "data/c4/")
		text := refused(t, b, s, "data/c4/").Error()
		for _, want := range []string{"s3://bucket", `"data/c4/"`, "gpu7", "4242", "datagravity sync c4 --to aws", "agent-gpu7", "2000-01-01T", "10m0s"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", text, want)
			}
		}
		// Beside it there is room; above and below there is not.
		mustHold(t, b, s, "data/c4-old/")
		for _, prefix := range []string{"", "data/", "data/c4/train/"} {
			refused(t, b, s, prefix)
		}
	})
}

func TestGivenUpIsFreeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		a, b := here("a").keeper(time.Minute), here("b").keeper(time.Minute)
		defer b.Close()
		mustHold(t, a, s, "c4/").Release()
		a.Close()
		if left := leasesIn(t, s); len(left) != 0 {
			t.Fatalf("left behind: %v", left)
		}
		mustHold(t, b, s, "c4/")
	})
}

// Whoever looks must do so for a whole length, however old what he finds is.
func TestTakenOverOnlyAfterALengthOfLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length = 10 * time.Minute
		s := mem.New(mem.Options{})
		dying := &crashing{Store: s}
		a, b := here("a").keeper(length), here("b").keeper(length)
		defer a.Close()
		defer b.Close()
		mustHold(t, a, dying, "c4/")
		dying.crash()
		time.Sleep(100 * time.Hour)
		start := time.Now()
		if held := refused(t, b, s, "c4/"); held.Left != length {
			t.Errorf("%s left at the first look", held.Left)
		}
		time.Sleep(length / 2)
		if held := refused(t, b, s, "c4/"); held.Left != length/2 {
			t.Errorf("%s left at the second look", held.Left)
		}
		h, err := b.Hold(t.Context(), s, "c4/", length)
		if err != nil || h.Err() != nil {
			t.Fatalf("%v", err)
		}
		if took := time.Since(start); took < length || took > length+length/looks+time.Second {
			t.Errorf("taken over after %s", took)
		}
		if n := len(leasesIn(t, s)); n != 1 {
			t.Errorf("%d leases", n)
		}
	})
}

// What is renewed is never taken over, and renewing is a write every third of a length.
func TestRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length = 10 * time.Minute
		s := mem.New(mem.Options{})
		counted := &crashing{Store: s}
		a, b := here("a").keeper(length), here("b").keeper(length)
		defer a.Close()
		defer b.Close()
		h := mustHold(t, a, counted, "c4/")
		if n := counted.taken(); n["list"] != 2 || n["put"] != 1 || len(n) != 2 {
			t.Errorf("taking it was %v", n)
		}
		if _, err := b.Hold(t.Context(), s, "c4/", 24*time.Hour); !errors.Is(err, ErrHeld) {
			t.Errorf("taken from one who renews: %v", err)
		}
		if n := counted.taken(); n["put"] < 24*6*renewals-2 || n["put"] > 24*6*renewals || len(n) != 1 {
			t.Errorf("a day of renewals was %v", n)
		}
		if h.Err() != nil {
			t.Error(h.Err())
		}
		h.Release()
		time.Sleep(mostLinger + time.Second)
		if n := counted.taken(); n["delete"] != 1 || n["put"] > 1 || len(leasesIn(t, s)) != 0 {
			t.Errorf("giving it up was %v, leaves %v", n, leasesIn(t, s))
		}
	})
}

// A process that is killed keeps its own manifest from nothing.
func TestOwnLeaseIsTakenBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		dying := &crashing{Store: s}
		m := here("a")
		a := m.keeper(time.Minute)
		defer a.Close()
		mustHold(t, a, dying, "c4/")
		mustHold(t, a, dying, "laion/")
		dying.crash()
		b := m.keeper(time.Minute)
		h := mustHold(t, b, s, "c4/")
		if n := len(leasesIn(t, s)); n != 1 {
			t.Errorf("%d leases, the other one of the dead process is of no use", n)
		}
		if h.Err() != nil {
			t.Error(h.Err())
		}
		b.Close()
		// A copy of the state directory elsewhere is another manifest.
		c := m.keeper(time.Minute)
		c.o.Holder.Place = "another disk"
		defer c.Close()
		d := m.keeper(time.Minute)
		defer d.Close()
		mustHold(t, c, s, "c4/")
		refused(t, d, s, "c4/")
	})
}

// All that a process does under one prefix shares one lease, and what follows within a moment too.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &crashing{Store: mem.New(mem.Options{})}
		a := here("a").keeper(time.Minute)
		defer a.Close()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				h := mustHold(t, a, s, "c4/")
				time.Sleep(time.Second)
				h.Release()
				h.Release() // a second time is none
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		h := mustHold(t, a, s, "c4/")
		mustHold(t, a, s, "c4/train/") // below it, by the same process
		if n := s.taken(); n["put"] != 2 || n["delete"] != 0 {
			t.Errorf("%v", n)
		}
		time.Sleep(time.Hour)
		if h.Err() != nil {
			t.Error(h.Err())
		}
	})
}

func TestLost(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, s *mem.Store, mine *crashing)
		want    string
	}{
		"taken over from above": {func(t *testing.T, s *mem.Store, mine *crashing) {
			mine.fails(errors.New("the cable is out"))
			b := here("b").keeper(time.Minute)
			t.Cleanup(b.Close)
			if _, err := b.Hold(t.Context(), s, "", 5*time.Minute); err != nil {
				t.Fatal(err)
			}
			mine.fails(nil)
		}, "process 4242 on b "},
		"overwritten": {func(t *testing.T, s *mem.Store, _ *crashing) {
			if _, err := s.Put(t.Context(), keyOf("c4/"), []byte("nonsense"), store.WriteOptions{Condition: store.Always()}); err != nil {
				t.Fatal(err)
			}
		}, "overwritten"},
		"taken over": {func(t *testing.T, s *mem.Store, mine *crashing) {
			mine.fails(errors.New("the cable is out"))
			b := here("b").keeper(time.Minute)
			t.Cleanup(b.Close)
			if _, err := b.Hold(t.Context(), s, "c4/", 5*time.Minute); err != nil {
				t.Fatal(err)
			}
			mine.fails(nil)
		}, "process 4242 on b "},
		"cut off": {func(_ *testing.T, _ *mem.Store, mine *crashing) { mine.fails(errors.New("the cable is out")) }, "could not be renewed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mem.New(mem.Options{})
				mine := &crashing{Store: s}
				a := here("a").keeper(time.Minute)
				defer a.Close()
				h := mustHold(t, a, mine, "c4/")
				c.happens(t, s, mine)
				time.Sleep(time.Minute)
				if err := h.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want it to say %q", err, c.want)
				}
				was := leasesIn(t, s)
				h.Release()
				time.Sleep(time.Minute)
				if now := leasesIn(t, s); name != "cut off" && strings.Join(now, " ") != strings.Join(was, " ") {
					t.Errorf("one that was lost is another's: was %v, is %v", was, now)
				}
			})
		})
	}
}

// A line that is out for less than a length loses nothing, and one that was lost can be taken again by the same process.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		mine := &crashing{Store: s}
		a := here("a").keeper(time.Minute)
		defer a.Close()
		h := mustHold(t, a, mine, "c4/")
		for range 10 {
			mine.fails(errors.New("the cable is out"))
			time.Sleep(30 * time.Second)
			mine.fails(nil)
			if h.Err() != nil {
				t.Fatal(h.Err())
			}
			time.Sleep(30 * time.Second)
		}
		// Who tidied up took nothing.
		deleted := s.Delete(t.Context(), store.Ref{Key: keyOf("c4/")})
		time.Sleep(time.Minute)
		if h.Err() != nil || deleted != nil || len(leasesIn(t, s)) != 1 {
			t.Fatal(deleted, h.Err())
		}
		if _, err := s.Put(t.Context(), keyOf("c4/"), []byte("nonsense"), store.WriteOptions{Condition: store.Always()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if h.Err() == nil {
			t.Fatal("it was overwritten")
		}
		again := mustHold(t, a, mine, "c4/")
		time.Sleep(time.Hour)
		if again.Err() != nil {
			t.Error(again.Err())
		}
	})
}

// The answer to a renewal is lost: it is still ours.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		lossy := &losing{Store: s}
		a := here("a").keeper(time.Minute)
		defer a.Close()
		h := mustHold(t, a, lossy, "c4/")
		for range 20 {
			lossy.lose()
			time.Sleep(time.Minute)
			if h.Err() != nil {
				t.Fatal(h.Err())
			}
		}
	})
}

// losing does what it is asked, and may not say so.
type losing struct {
	Store
	mu   sync.Mutex
	next bool
}

func (l *losing) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = true
}

func (l *losing) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	out, err := l.Store.Put(ctx, key, data, o)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next {
		l.next = false
		return store.Object{}, errors.New("connection reset")
	}
	return out, err
}

// Jobs that all wait for one destination do not each ask the store.
func TestRefusalsShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		a, b := here("a").keeper(10*time.Minute), here("b").keeper(10*time.Minute)
		defer a.Close()
		defer b.Close()
		mustHold(t, a, s, "c4/")
		asks := &crashing{Store: s}
		if b.Refused() {
			t.Error("refused before it asked")
		}
		for range 100 {
			refused(t, b, asks, "c4/")
			if err := b.Look(t.Context(), asks, "c4/"); !errors.Is(err, ErrHeld) {
				t.Fatal(err)
			}
		}
		if n := asks.taken(); n["list"] != 1 || n["read"] != 1 || len(n) != 2 || !b.Refused() {
			t.Errorf("%v", n)
		}
		time.Sleep(time.Minute)
		refused(t, b, asks, "c4/")
		if n := asks.taken(); n["list"] != 1 || n["read"] > 1 {
			t.Errorf("%v", n)
		}
		a.Close()
		time.Sleep(time.Minute)
		if err := b.Look(t.Context(), asks, "c4/"); err != nil || b.Refused() {
			t.Error(err, b.Refused())
		}
	})
}

// What is no lease keeps nobody from anything, whatever it says.
func TestNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		lease := `{"datagravity":1,"kind":"lease","prefix":"c4/","length_seconds":60,"manifest":"m","place":"p","process":"x"}`
		for key, content := range map[string]string{
			Prefix + "a.json":      lease, // under a key that is not its prefix's
			Prefix + "empty":       "",
			Prefix + "large":       strings.Repeat("x", maxDocumentBytes+1),
			keyOf("laion/"):        "[]",
			keyOf("fineweb/"):      `{"datagravity":1,"kind":"receipt","prefix":"fineweb/"}`,
			Prefix + "sub/deep":    "{",
			keyOf("length/"):       `{"datagravity":1,"kind":"lease","prefix":"length/","length_seconds":1e300}`,
			keyOf("negative/"):     `{"datagravity":1,"kind":"lease","prefix":"negative/","length_seconds":-5}`,
			keyOf("words/\x1b[2J"): `{"datagravity":9,"kind":"lease","prefix":"words/\u001b[2J","length_seconds":60,"host":"\u001b[31m` + strings.Repeat("h", 3000) + `"}`,
		} {
			if _, err := s.Put(t.Context(), key, []byte(content), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
				t.Fatal(err)
			}
		}
		a := here("a").keeper(time.Minute)
		defer a.Close()
		for _, prefix := range []string{"c4/", "laion/", "fineweb/"} {
			mustHold(t, a, s, prefix)
		}
		if held := refused(t, a, s, "length/"); held.Length != mostLength {
			t.Errorf("it says that it is of %s", held.Length)
		}
		if held := refused(t, a, s, "negative/"); held.Length != leastLength {
			t.Errorf("it says that it is of %s", held.Length)
		}
		// Of a later version is still one. What it says is fit for a terminal.
		if text := refused(t, a, s, "words/\x1b[2J").Error(); strings.ContainsAny(text, "\x1b\n") || len(text) > 1000 {
			t.Errorf("%q", text)
		}
	})
}

func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		bad := &crashing{Store: s}
		a := here("a").keeper(time.Minute)
		defer a.Close()
		bad.fails(&store.Error{Op: "put", Store: "s3://bucket", Kind: store.ErrPermission})
		if _, err := a.Hold(t.Context(), bad, "c4/", time.Hour); !errors.Is(err, store.ErrPermission) || errors.Is(err, ErrHeld) {
			t.Errorf("got %v", err)
		}
		bad.fails(nil)
		mustHold(t, a, bad, "c4/")
		ctx, cancel := context.WithCancelCause(t.Context())
		b := here("b").keeper(time.Minute)
		defer b.Close()
		go func() {
			time.Sleep(time.Second)
			cancel(errors.New("enough"))
		}()
		if _, err := b.Hold(ctx, s, "c4/", time.Hour); err == nil || err.Error() != "enough" {
			t.Errorf("got %v", err)
		}
		a.Close()
		if _, err := a.Hold(t.Context(), s, "c4/", 0); !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// hanging does not answer listings until the one who asks gives up.
type hanging struct{ Store }

func (h hanging) List(ctx context.Context, _ store.ListOptions) (store.Page, error) {
	<-ctx.Done()
	return store.Page{}, context.Cause(ctx)
}

// Whoever waits behind another one for a store that does not answer stops waiting when it is told to.
func TestWaitForAnotherLookEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := here("a").keeper(time.Minute)
		s := hanging{mem.New(mem.Options{})}
		first, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer k.Close()
		defer wg.Wait()
		defer stop()
		wg.Go(func() {
			if _, err := k.Hold(first, s, "c4/", 0); !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		second, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := k.Hold(second, s, "c5/", 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
