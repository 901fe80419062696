package corpus

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

var kinds = map[string]func(seed uint64, sizeBytes int64) *Corpus{
	"Tar": Tar, "WebDataset": WebDataset, "SmallTar": SmallTar, "TinyTar": TinyTar, "Text": Text, "Tokens": Tokens,
}

func TestSameSeedSameBytes(t *testing.T) {
	for name, kind := range kinds {
		one, again, other := kind(1, 1<<20).Bytes(), kind(1, 1<<20).Bytes(), kind(2, 1<<20).Bytes()
		if !bytes.Equal(one, again) {
			t.Errorf("%s: two of one seed differ", name)
		}
		if bytes.Equal(one, other) {
			t.Errorf("%s: two seeds give the same", name)
		}
		// The largest unit is a sample of WebDataset: 200 KiB and headers.
		if n := len(one); n < 1<<20 || n > 1<<20+210<<10 {
			t.Errorf("%s: %d bytes, want 1 MiB and less than a unit more", name, n)
		}
	}
}

// readTar is what a stranger reads: names and contents, in order.
func readTar(t *testing.T, data []byte) (list []*tar.Header, contents [][]byte) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list, contents = append(list, h), append(contents, content)
	}
}

func TestTar(t *testing.T) {
	c := Tar(3, 4<<20)
	list, contents := readTar(t, c.Bytes())
	if len(list) != c.Units() {
		t.Errorf("%d members of %d units", len(list), c.Units())
	}
	if list[0].Name != "00300000.jpg" || list[1].Name != "00300001.jpg" || list[0].Format != tar.FormatUSTAR {
		t.Errorf("first members %s, %s, format %v", list[0].Name, list[1].Name, list[0].Format)
	}
	for i, content := range contents {
		if n := len(content); n < 20<<10 || n > 200<<10 {
			t.Errorf("%s has %d bytes", list[i].Name, n)
		}
	}
	if _, tiny := readTar(t, TinyTar(3, 1<<20).Bytes()); len(tiny) < 150 {
		t.Errorf("%d members in 1 MiB of tiny ones", len(tiny))
	}
}

func TestWebDataset(t *testing.T) {
	c := WebDataset(3, 1<<20)
	data := c.Bytes()
	list, contents := readTar(t, data)
	if len(list) != 3*c.Units() {
		t.Fatalf("%d members of %d samples", len(list), c.Units())
	}
	for i, suffix := range []string{".cls", ".jpg", ".json"} {
		if list[i].Name != "00300000"+suffix {
			t.Errorf("member %d is %s", i, list[i].Name)
		}
	}
	if list[0].ModTime.Nanosecond() == 0 || list[0].PAXRecords["mtime"] == "" || data[156] != tar.TypeXHeader {
		t.Errorf("no pax header with a time: %+v", list[0])
	}
	if !bytes.HasPrefix(contents[2], []byte(`{"key": "00300000", "class": `+string(contents[0]))) {
		t.Errorf("class %s, about %s", contents[0], contents[2])
	}
}

func TestText(t *testing.T) {
	c := Text(1, 1<<20)
	lines := bytes.SplitAfter(c.Bytes(), []byte("\n"))
	if len(lines) != c.Units()+1 || len(lines[c.Units()]) != 0 {
		t.Fatalf("%d lines of %d units", len(lines), c.Units())
	}
	count := map[string]int{}
	words := 0
	for _, l := range lines {
		for _, w := range strings.Fields(string(l)) {
			count[w]++
			words++
		}
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	// By Zipf's law a few words are much of a text and most of its words are rare.
	if len(count) < 5_000 || most < words/50 {
		t.Errorf("%d different of %d words, the most frequent one %d times", len(count), words, most)
	}
}

func TestTokens(t *testing.T) {
	data := Tokens(1, 1<<20).Bytes()
	if len(data)%4 != 0 {
		t.Fatalf("%d bytes", len(data))
	}
	for i := 0; i < len(data); i += 4 {
		if v := binary.LittleEndian.Uint32(data[i:]); v >= vocabulary {
			t.Fatalf("token %d at byte %d", v, i)
		}
	}
}

func TestRaw(t *testing.T) {
	const size = 10_001
	for name, data := range map[string][]byte{
		"Random": Random(1, size), "Zeros": Zeros(size), "Pattern": Pattern(7, size), "Bits": Bits(1, size),
		"Masks": Masks(1, size), "Halves": Halves(1, size),
	} {
		if len(data) != size {
			t.Errorf("%s: %d bytes", name, len(data))
		}
	}
	for _, period := range []int{1, 2, 3, 7, 8, 16, 100, 4096, 2 * size} {
		data := Pattern(period, size)
		for i := period; i < size; i++ {
			if data[i] != data[i-period] {
				t.Fatalf("period %d is broken at %d", period, i)
			}
		}
		if period > 1 && data[0] == data[1] {
			t.Errorf("period %d begins with a shorter one", period)
		}
	}
	runs := 1
	masks := Masks(1, 1<<20)
	for i := 1; i < len(masks); i++ {
		if masks[i] != masks[i-1] {
			runs++
		}
	}
	if mean := len(masks) / runs; mean < 35 || mean > 50 {
		t.Errorf("runs of a mask are %d bytes long", mean)
	}
	for f, want := range map[float32]uint16{1: 0x3c00, -2: 0xc000, 0.5: 0x3800, 0.02: 0x251e, 0: 0, -1e-9: 0x8000} {
		if got := half(f); got != want {
			t.Errorf("%g is %#04x, want %#04x", f, got, want)
		}
	}
}

// Shards of one dataset must not have two members of one name.
func TestNumbers(t *testing.T) {
	one, _ := readTar(t, Tar(1, 1<<20).Bytes())
	two, _ := readTar(t, Tar(2, 1<<20).Bytes())
	if i := slices.IndexFunc(two, func(h *tar.Header) bool { return h.Name == one[0].Name }); i >= 0 {
		t.Errorf("%s is in both", one[0].Name)
	}
}
