package window

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// reference is the package comment in code.
func reference(data []byte, from, to int, threshold uint32) int {
	for i := from; i < to; i++ {
		near, far := binary.LittleEndian.Uint64(data[i-8:]), binary.LittleEndian.Uint64(data[i-56:])
		low := uint32(near) ^ uint32(far)<<5
		high := uint32(near>>32) ^ uint32(far>>32)<<5
		if low*0x7b1dcdaf+high*0xa1b965f5 >= threshold && near != far {
			return i
		}
	}
	return -1
}

func searchWith(f form, data []byte, from, to int, threshold uint32) int {
	defer func(was form) { kernel = was }(kernel)
	kernel = f
	return Search(data, from, to, threshold)
}

// checkAll compares every form with the reference, with the data at several alignments and at the very end of its memory.
func checkAll(t *testing.T, data []byte, from, to int, threshold uint32) {
	t.Helper()
	want := reference(data, from, to, threshold)
	for _, f := range forms() {
		for shift := range 3 {
			moved := append(bytes.Repeat([]byte{0xa5}, shift), data...)[shift:]
			if got := searchWith(f, moved[:len(moved):len(moved)], from, to, threshold); got != want {
				t.Fatalf("%s: candidate at %d, want %d (of %d bytes, from %d to %d, threshold %#x)", f, got, want, len(data), from, to, threshold)
			}
		}
	}
}

func TestEveryFormAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		data := make([]byte, Bytes+r.IntN(1000))
		switch round % 4 {
		case 0:
			for i := range data {
				data[i] = byte(r.Uint32())
			}
		case 1: // few symbols
			for i := range data {
				data[i] = byte(r.IntN(2))
			}
		case 2: // a period, somewhere broken
			period := 1 + r.IntN(60)
			for i := range data {
				data[i] = byte(i % period * 37)
			}
			data[r.IntN(len(data))]++
		case 3: // small numbers
			for i := 0; i+4 <= len(data); i += 4 {
				binary.LittleEndian.PutUint32(data[i:], uint32(r.IntN(50)))
			}
		}
		from := Bytes + r.IntN(len(data)-Bytes+1)
		to := from + r.IntN(len(data)+2-from)
		checkAll(t, data, from, to, ^uint32(0)<<r.IntN(32))
	}
}

func FuzzEveryFormAgrees(f *testing.F) {
	f.Add(bytes.Repeat([]byte("datagravity"), 30), uint32(0xf0000000))
	f.Add(make([]byte, 300), uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, threshold uint32) {
		if len(data) < Bytes {
			return
		}
		checkAll(t, data, Bytes, len(data)+1, threshold)
	})
}

// However high the hash of a repeating window is, it is no candidate; what comes behind the run is found.
func TestRepeatingRunHidesNothing(t *testing.T) {
	for _, period := range []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 48} {
		data := make([]byte, 5000)
		for i := range data {
			data[i] = byte(i % period * 73)
		}
		if got := Search(data, Bytes, len(data)+1, 0); got != -1 {
			t.Errorf("period %d: candidate at %d", period, got)
		}
		data[4321]++
		if got := Search(data, Bytes, len(data)+1, 0); got != 4322 {
			t.Errorf("period %d, broken at byte 4321: candidate at %d, want 4322", period, got)
		}
	}
}

func TestHashIsTheDocumentedOne(t *testing.T) {
	window := make([]byte, Bytes)
	for i := range window {
		window[i] = byte(i)
	}
	// near is 37363534 33323130, far 07060504 03020100.
	low, high := uint32(0x33323130)^uint32(0x60402000), uint32(0x37363534)^uint32(0xe0c0a080)
	if got, want := hash(window), low*0x7b1dcdaf+high*0xa1b965f5; got != want {
		t.Errorf("hash %#x, want %#x", got, want)
	}
}

func TestAnUnknownFormIsTheBest(t *testing.T) {
	if got := choose("generic"); got != generic {
		t.Errorf("generic: %s", got)
	}
	for _, want := range []form{"", "neon", forms()[0]} {
		if got := choose(want); got != forms()[0] {
			t.Errorf("%q: %s, want %s", want, got, forms()[0])
		}
	}
}

func BenchmarkBlocks(b *testing.B) {
	data := make([]byte, 256<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	for _, size := range []int{64 << 10, 1 << 20, 256 << 20} {
		for _, f := range forms() {
			b.Run(fmt.Sprintf("%s/%dKiB", f, size>>10), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					searchWith(f, data[:size], Bytes, size, ^uint32(0))
				}
			})
		}
	}
}
