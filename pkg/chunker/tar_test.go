package chunker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// smallTars are parameters under which little data has every case, for each algorithm that knows tar archives. The last ones are
// those under which a header alone is a large sample.
var smallTars = []Params{
	{Algorithm: AlgorithmTarV1, MinBytes: 2048, AvgBytes: 4096, MaxBytes: 6000},
	{Algorithm: AlgorithmTar, MinBytes: 2048, AvgBytes: 4096, MaxBytes: 6000},
	{Algorithm: AlgorithmTar, MinBytes: 1500, AvgBytes: 4096, MaxBytes: 5000},
	{Algorithm: AlgorithmTar, MinBytes: LeastMinBytes, AvgBytes: LeastAvgBytes, MaxBytes: 4200},
}

// eachTar checks a property under each of smallTars.
func eachTar(t *testing.T, check func(t *rapid.T, p Params)) {
	t.Helper()
	for _, p := range smallTars {
		t.Run(p.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { check(t, p) })
		})
	}
}

// archive writes ustar blocks by hand, wrong ones too.
type archive struct{ bytes []byte }

func (a *archive) header(name string, kind byte, size int) {
	var b [tarBlock]byte
	copy(b[:100], name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00", size))
	copy(b[136:], "00000000000\x00")
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	copy(b[148:], fmt.Sprintf("%06o\x00 ", tarSum(&b)))
	a.bytes = append(a.bytes, b[:]...)
}

func (a *archive) body(data []byte) {
	a.bytes = append(a.bytes, data...)
	a.bytes = append(a.bytes, make([]byte, (tarBlock-len(data)%tarBlock)%tarBlock)...)
}

func (a *archive) member(name string, data []byte) {
	a.header(name, '0', len(data))
	a.body(data)
}

// slowTar is the definition of tar-v1 and tar-v2 in docs/format.md, for who has the whole shard: where all chunks but the last end.
func slowTar(p Params, data []byte) (ends []int64) {
	largeSample := map[string]int64{"tar-v1": p.MinBytes, "tar-v2": p.MinBytes / 2}[p.Algorithm]
	type member struct {
		group, data, end int64
		name             uint64
	}
	size := int64(len(data))
	var members []member
	plainFrom, badGroup, unfinished := int64(-1), int64(0), int64(-1)
	for at := int64(0); at < size; {
		group := at
		var h tarHeader
		for {
			if at+tarBlock > size {
				unfinished, at = group, -1
				break
			}
			var ok bool
			h, ok = parseTarHeader((*[tarBlock]byte)(data[at:]))
			at += tarBlock
			if !ok || h.extends && at+h.body+tarBlock-group > p.MinBytes {
				plainFrom, badGroup, at = at, group, -1
				break
			}
			if !h.extends {
				members = append(members, member{group, at, at + h.body, h.sample})
			}
			at += h.body
			if !h.extends {
				break
			}
		}
		if at < 0 {
			break
		}
	}
	share := uint64(1<<32) / uint64(p.AvgBytes)
	normal := max(p.MinBytes, p.AvgBytes/16*13)
	candidate := func(start, x int64) bool {
		if x-start < p.MinBytes {
			return false
		}
		if x-start < normal {
			return isCandidate(data, x, share)
		}
		return isCandidate(data, x, 7*share/2)
	}
	var start, sample int64
	var pending, large bool
	cut := func(at int64) {
		ends = append(ends, at)
		start, pending = at, false
	}
	fit := func(at, group int64) {
		if at-start > p.MaxBytes && sample > start {
			cut(sample)
		}
		if at-start > p.MaxBytes {
			cut(group)
		}
	}
	for i, m := range members {
		if i == 0 || m.name != members[i-1].name {
			if i > 0 && (large || pending) && m.group > start {
				cut(m.group)
			}
			sample, large = m.group, false
			last := i
			for last+1 < len(members) && members[last+1].name == m.name {
				last++
			}
			if members[last].end-sample >= largeSample && sample > start {
				cut(sample)
			}
		}
		large = large || m.end-sample >= largeSample
		if pending && large && m.group > start {
			cut(m.group)
		}
		fit(m.data, m.group)
		largeMember := m.end-m.group >= p.MinBytes
		for x := m.data + 1; x < m.end && x <= size; x++ {
			forced := start + p.MaxBytes
			if short := m.end - p.MinBytes; largeMember && forced > short && forced < m.end && short > max(m.data, start) {
				forced = short
			}
			switch {
			case x == forced && sample > start:
				cut(sample)
			case x == forced:
				cut(x)
			case pending || !candidate(start, x):
			case !largeMember:
				pending = true
			case x <= m.end-p.MinBytes:
				cut(x)
			}
		}
	}
	if unfinished >= 0 {
		fit(size, unfinished)
	}
	if plainFrom < 0 {
		return ends
	}
	fit(plainFrom, badGroup)
	for x := plainFrom + 1; x <= size; x++ {
		if x == start+p.MaxBytes || candidate(start, x) {
			cut(x)
		}
	}
	return ends
}

// archives draws tar archives: good ones, and some with a lie or a hole in them.
func archives(t *rapid.T) []byte {
	var a archive
	noise := randomBytes(40_000, rapid.Byte().Draw(t, "seed"))
	sizes := rapid.OneOf(rapid.IntRange(0, 700), rapid.IntRange(0, 3000), rapid.IntRange(0, 15_000))
	for range rapid.IntRange(0, 14).Draw(t, "members") {
		name := fmt.Sprintf("d/%d.%s", rapid.IntRange(0, 4).Draw(t, "sample"), rapid.SampledFrom([]string{"cls", "jpg", "json"}).Draw(t, "ext"))
		size := sizes.Draw(t, "size")
		data := noise[:size]
		noise = append(noise[size/2:], noise[:size/2]...)
		switch rapid.IntRange(0, 19).Draw(t, "kind") {
		case 0, 1, 2:
			a.header("././@PaxHeader", 'x', min(size, 900))
			a.body(data[:min(size, 900)])
			a.member(name, data)
		case 3:
			a.header("././@LongLink", 'L', size)
			a.body(data)
			a.member(name, nil)
		case 4:
			a.bytes = append(a.bytes, make([]byte, tarBlock*rapid.IntRange(1, 20).Draw(t, "zero blocks"))...)
		case 5:
			a.member(name, bytes.Repeat([]byte{7}, size))
		case 6:
			if rapid.IntRange(0, 3).Draw(t, "damage") == 0 {
				a.bytes = append(a.bytes, data...) // no header, and no multiple of a block
			}
		case 7:
			a.header("dir/", '5', size)
		case 8:
			if rapid.IntRange(0, 3).Draw(t, "lie") == 0 {
				a.header(name, '0', size*3)
			}
		default:
			a.member(name, data)
		}
	}
	return a.bytes[:rapid.IntRange(len(a.bytes)*3/4, len(a.bytes)).Draw(t, "length")]
}

func TestTarBoundariesAreTheDocumentedOnes(t *testing.T) {
	eachTar(t, func(t *rapid.T, p Params) {
		data := archives(t)
		var got []int64
		if err := Boundaries(data, p, func(end int64) { got = append(got, end) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slowTar(p, data), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// As for any shard: no split changes a chunk, also not one in the middle of a header, and a cutter can go on from anywhere.
func TestTarAnySplitAndResume(t *testing.T) {
	eachTar(t, func(t *rapid.T, p Params) {
		data := archives(t)
		c, err := NewCutter(p, "sha256")
		if err != nil {
			t.Fatal(err)
		}
		var got []Chunk
		emit := func(c Chunk) { got = append(got, c) }
		for _, part := range splits(t, data) {
			scratch := bytes.Clone(part)
			c.Feed(scratch, false, emit)
			clear(scratch)
			if rapid.Bool().Draw(t, "resume") {
				s := c.State()
				if c, err = ResumeCutter(p, s, data[s.OpenStart:s.At], "sha256"); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.Feed(nil, true, emit)
		if diff := cmp.Diff(cutAll(p, data), got); diff != "" {
			t.Fatal(diff)
		}
		if want, _ := Whole(data, p, Options{Workers: 1, Extra: []string{"sha256"}}, func(Chunk) error { return nil }); !cmp.Equal(want.Extra, c.Extra()) {
			t.Fatalf("sha256 is %v, want %v", c.Extra(), want.Extra)
		}
	})
}

// Chunks below what makes a sample large exist, but never many: next to each is a large sample or a chunk of MaxBytes.
func TestTarSizesAreBounded(t *testing.T) {
	eachTar(t, func(t *rapid.T, p Params) {
		data := archives(t)
		chunks := cutAll(p, data)
		at := int64(0)
		for i, c := range chunks {
			if c.Offset != at || c.Length < 1 || c.Length > p.MaxBytes {
				t.Fatalf("chunk %d: offset %d, %d bytes after byte %d", i, c.Offset, c.Length, at)
			}
			at = c.End()
		}
		if at != int64(len(data)) {
			t.Fatalf("chunks end at %d of %d", at, len(data))
		}
		if most := 2*int64(len(data))/p.largeSample() + 2; int64(len(chunks)) > most {
			t.Fatalf("%d chunks for %d bytes: want at most %d", len(chunks), len(data), most)
		}
	})
}

// What is no archive is cut as plain content, from its first byte.
func TestWhatIsNoTarIsPlain(t *testing.T) {
	eachTar(t, func(t *rapid.T, p Params) {
		plain := p
		plain.Algorithm = AlgorithmPlain
		data := content(t)
		if len(data) >= tarBlock && bytes.Equal(data[:tarBlock], zeroBlock[:]) {
			data[0] = 1
		}
		if diff := cmp.Diff(cutAll(plain, data), cutAll(p, data)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever the order of samples and the shard they are in, large ones are chunks that are already there.
func TestReshuffledSamplesAreNoNewBytes(t *testing.T) {
	type sample []struct {
		name string
		data []byte
	}
	r := rand.New(rand.NewPCG(1, 2))
	var samples []sample
	for i := range 60 {
		name := fmt.Sprintf("%08d", i)
		samples = append(samples, sample{
			{name + ".cls", []byte{byte(i)}},
			{name + ".jpg", randomBytes(20<<10+r.IntN(180<<10), byte(i))},
			{name + ".json", randomBytes(300, byte(i))},
		})
	}
	render := func(order []int) []byte {
		var a archive
		for _, i := range order {
			for _, m := range samples[i] {
				a.header("././@PaxHeader", 'x', 30)
				a.body([]byte("30 mtime=1700000000.1234567890\n"[:30]))
				a.member(m.name, m.data)
			}
		}
		a.bytes = append(a.bytes, make([]byte, 2*tarBlock)...)
		return a.bytes
	}
	before, after := render(r.Perm(len(samples))), render(r.Perm(len(samples)))
	for _, p := range []Params{ParamsFor(AlgorithmTarV1, 32<<10), ParamsFor(AlgorithmTar, 64<<10)} {
		have := map[Digest]bool{}
		for _, c := range cutAll(p, before) {
			have[c.Digest] = true
		}
		for _, c := range cutAll(p, after) {
			if !have[c.Digest] {
				t.Errorf("%v: %d new bytes at %d", p, c.Length, c.Offset)
			}
		}
	}
}

func FuzzTar(f *testing.F) {
	var a archive
	a.member("a.cls", []byte("1"))
	a.member("a.jpg", randomBytes(5000, 1))
	a.header("././@PaxHeader", 'x', 20)
	a.body(make([]byte, 20))
	a.member("b.jpg", randomBytes(9000, 2))
	f.Add(a.bytes, uint16(511))
	f.Add(a.bytes[:len(a.bytes)-100], uint16(3))
	// Samples of one member on both sides of what is large by one algorithm and not by the other.
	var b archive
	for i, size := range []int{100, 900, 511, 512, 513, 1400, 1536, 1537, 300, 2047, 5000, 700} {
		b.member(fmt.Sprintf("%d.jpg", i), randomBytes(size, byte(i)))
	}
	f.Add(b.bytes, uint16(700))
	// One that becomes large member by member, beside small ones.
	var c archive
	c.member("a.cls", []byte("1"))
	for _, ext := range []string{"a", "b", "c", "d", "e", "f"} {
		c.member("b."+ext, randomBytes(400, ext[0]))
	}
	c.member("c.cls", []byte("2"))
	c.bytes = append(c.bytes, make([]byte, 20*tarBlock)...)
	f.Add(c.bytes, uint16(1023))
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		for _, p := range smallTars {
			var got []int64
			find, err := newFinder(p)
			if err != nil {
				t.Fatal(err)
			}
			for rest := data; len(rest) > 0; {
				n := min(len(rest), int(step)+1)
				decided := find.decided()
				ends := find.find(rest[:n], nil)
				for _, e := range ends {
					if e <= decided-1 || e > find.at {
						t.Fatalf("%v: an end at %d after %d was decided, at %d", p, e, decided, find.at)
					}
				}
				got = append(got, ends...)
				rest = rest[n:]
			}
			got = find.finish(got)
			if diff := cmp.Diff(slowTar(p, data), got); diff != "" {
				t.Fatal(p, diff)
			}
		}
	})
}
