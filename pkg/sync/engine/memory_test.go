package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/datagravity/datagravity/pkg/store"
)

func addressOf(b []byte) *byte { return unsafe.SliceData(b) }

func TestMemoryReusesWhatLiesIdle(t *testing.T) {
	ctx := context.Background()
	m := newMemory(16 << 20)
	get := func(n int64) []byte {
		t.Helper()
		b, err := m.get(ctx, n)
		if err != nil || int64(len(b)) != n {
			t.Fatalf("%d bytes: %d, %v", n, len(b), err)
		}
		return b
	}
	first := get(5 << 20)
	m.put(first)
	// Shards of nearly one size share buffers; a much smaller one does not hold a large one.
	second := get(4<<20 + 1)
	if addressOf(second) != addressOf(first) {
		t.Error("a buffer of 5 MiB was not used again for 4 MiB")
	}
	m.put(second)
	small := get(2 << 20)
	if addressOf(small) == addressOf(first) {
		t.Error("2 MiB hold a buffer of 5 MiB")
	}
	m.put(small)
	// Idle ones go only when a new one does not fit beside them.
	large := get(9 << 20)
	if third := get(5 << 20); addressOf(third) != addressOf(first) {
		t.Error("an idle buffer was let go though there was room")
	}
	m.put(large)
}

// With others waiting for room a buffer of the right size is used again all the same: that is when it matters.
func TestMemoryReusesWhileOthersWait(t *testing.T) {
	m := newMemory(8 << 20)
	ctx, stop := context.WithCancel(context.Background())
	a, err := m.get(ctx, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.get(ctx, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	known := map[*byte]bool{addressOf(a): true, addressOf(b): true}
	got := make(chan []byte)
	for range 3 {
		go func() {
			b, err := m.get(ctx, 4<<20)
			if err == nil {
				got <- b
			}
		}()
	}
	waits(m, 3)
	m.put(a)
	if c := <-got; !known[addressOf(c)] {
		t.Error("a new buffer was made while one of the same size lay idle")
	}
	stop()
}

// waits until so many wait for room.
func waits(m *memory, n int) {
	for {
		m.mu.Lock()
		there := m.waiting.Len()
		m.mu.Unlock()
		if there == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Of those that wait, the job with the least slack goes first, then the cheaper bytes, then who came first; one that gives up
// is passed over, and a large one is not starved by small ones.
func TestMemoryGoesToTheMostUrgent(t *testing.T) {
	m := newMemory(4 << 20)
	all, err := m.get(context.Background(), 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 10)
	n := 0
	ask := func(name string, p store.Priority, bytes int64) context.CancelFunc {
		ctx, cancel := context.WithCancel(store.WithPriority(context.Background(), p))
		go func() {
			b, err := m.get(ctx, bytes)
			if err != nil {
				return
			}
			order <- name
			m.put(b)
		}()
		n++
		waits(m, n)
		return cancel
	}
	ask("whenever", store.Priority{NanoUSDPerGiB: 5}, 4<<20)
	ask("cheap", store.Priority{NanoUSDPerGiB: 1}, 4<<20)
	ask("cheap, later", store.Priority{NanoUSDPerGiB: 1}, 4<<20)
	ask("tomorrow", store.Priority{Slack: 24 * time.Hour}, 4<<20)
	ask("late", store.Priority{Slack: -time.Minute}, 3<<20)
	giveUp := ask("gives up", store.Priority{Slack: -time.Hour}, 4<<20)
	ask("now", store.Priority{Slack: time.Minute}, 4<<20)
	giveUp()
	n--
	waits(m, n)
	m.put(all)
	for _, want := range []string{"late", "now", "tomorrow", "cheap", "cheap, later", "whenever"} {
		if got := <-order; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out != 0 || m.waiting.Len() != 0 {
		t.Errorf("%d bytes are handed out, %d wait", m.out, m.waiting.Len())
	}
}

func TestMemoryStaysWithinItsSize(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))
	m := newMemory(32 << 20)
	var held [][]byte
	for range 5000 {
		n := int64(1 + r.IntN(9<<20))
		total := int64(0)
		for _, b := range held {
			total += int64(cap(b))
		}
		if total+m.class(n) > m.size || r.IntN(3) == 0 {
			if len(held) == 0 {
				continue
			}
			i := r.IntN(len(held))
			m.put(held[i])
			held = append(held[:i], held[i+1:]...)
			continue
		}
		short, stop := context.WithTimeout(ctx, 10*time.Second)
		b, err := m.get(short, n)
		stop()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
		var used, kept int64
		for _, b := range held {
			used += int64(cap(b))
		}
		for c, list := range m.free {
			kept += c * int64(len(list))
		}
		if kept != m.kept || used+kept > m.size+pooledFrom*int64(len(held)) {
			t.Fatalf("%d in use and %d idle (%d by its own account) of %d", used, kept, m.kept, m.size)
		}
	}
	for _, b := range held {
		m.put(b)
	}
	if m.out != 0 {
		t.Error("not everything was given back")
	}
}

func TestMemoryWaitsForRoom(t *testing.T) {
	m := newMemory(4 << 20)
	b, err := m.get(context.Background(), 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := m.get(ctx, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("no room: %v", err)
	}
	if _, err := m.get(context.Background(), 5<<20); err == nil {
		t.Error("more than there will ever be: no error")
	}
	m.put(b)
	if b, err = m.get(context.Background(), 4<<20); err != nil {
		t.Error(err)
	}
	m.put(b)
}
