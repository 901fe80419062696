package corpus

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"
)

// written is when the first member of every archive was: a fixed time, because the bytes must not depend on today's.
var written = time.Unix(1_750_000_000, 0)

// endOfArchive is two blocks of zeros.
var endOfArchive = make([]byte, 1024)

// Tar is a ustar shard of images, one file a sample, named 00000042.jpg: 20 to 200 KiB of incompressible content each,
// evenly spread. Numbers begin where the seed says, so that the shards of one dataset have different names.
func Tar(seed uint64, sizeBytes int64) *Corpus {
	return grow(newSource("tar", seed), images{20 << 10, 200 << 10}, firstNumber(seed), endOfArchive, sizeBytes)
}

// SmallTar is Tar with members of 10 to 40 KiB, as images of some 256 pixels have: a few to a chunk.
func SmallTar(seed uint64, sizeBytes int64) *Corpus {
	return grow(newSource("small tar", seed), images{10 << 10, 40 << 10}, firstNumber(seed), endOfArchive, sizeBytes)
}

// TinyTar is Tar with members of 200 B to 8 KiB: many to a chunk.
func TinyTar(seed uint64, sizeBytes int64) *Corpus {
	return grow(newSource("tiny tar", seed), images{200, 8 << 10}, firstNumber(seed), endOfArchive, sizeBytes)
}

// WebDataset is a shard of samples of three members, 00000042.cls, .jpg and .json in this order, which is that of the
// webdataset writer. As Python's tarfile does for a time with fractions of a second, each has a pax header before its own.
// A unit is a sample.
func WebDataset(seed uint64, sizeBytes int64) *Corpus {
	return grow(newSource("webdataset", seed), samples{}, firstNumber(seed), endOfArchive, sizeBytes)
}

func firstNumber(seed uint64) int { return int(seed%1000) * 100_000 }

// images are members with content between two sizes in bytes.
type images struct{ least, most int }

func (m images) unit(r *source, number int) []byte {
	return members(member{fmt.Sprintf("%08d.jpg", number), r.bytes(r.between(m.least, m.most)), written, tar.FormatUSTAR})
}

// atom is a byte: content has no structure that an edit could keep.
func (images) atom(r *source) []byte { return r.bytes(1) }
func (images) grain() int64          { return 1 }

type samples struct{ images }

func (samples) unit(r *source, number int) []byte {
	key := fmt.Sprintf("%08d", number)
	// Members of a sample are written some 100 µs after each other, samples one after another.
	at := written.Add(time.Duration(number)*time.Millisecond + time.Duration(r.between(1, 99_999)))
	class := r.IntN(1000)
	width, height := r.between(200, 1200), r.between(200, 1200)
	about := fmt.Sprintf(`{"key": %q, "class": %d, "width": %d, "height": %d, "sha256": "%x"}`, key, class, width, height, r.bytes(32))
	return members(
		member{key + ".cls", fmt.Append(nil, class), at, tar.FormatPAX},
		member{key + ".jpg", r.bytes(r.between(20<<10, 200<<10)), at.Add(100 * time.Microsecond), tar.FormatPAX},
		member{key + ".json", []byte(about), at.Add(200 * time.Microsecond), tar.FormatPAX},
	)
}

// member is one file of an archive.
type member struct {
	name    string
	content []byte
	written time.Time
	format  tar.Format
}

// members is how they stand in an archive: headers, contents, and zeros up to the next 512 bytes.
func members(list ...member) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range list {
		h := &tar.Header{
			Name: m.name, Size: int64(len(m.content)), Mode: 0o444, Uname: "bigdata", Gname: "bigdata", ModTime: m.written, Format: m.format,
		}
		must(w.WriteHeader(h))
		_, err := w.Write(m.content)
		must(err)
	}
	must(w.Flush())
	return out.Bytes()
}

// must is for writing into memory what we made ourselves: it cannot fail, and a corpus with a hole would be worse.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("corpus: writing a tar into memory: %v", err))
	}
}
