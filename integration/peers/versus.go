package main

import (
	"fmt"
	"math"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// edits are those of versus. Lines and spans are a fortieth of a chunk, so that a share of them that is small among the members
// of a tar would touch every chunk of a text: units is that share, of members and of the others.
var edits = []struct {
	name string
	edit func(c *corpus.Corpus, seed uint64, units float64, sizeBytes int64) (data []byte, idealBytes int64)
}{
	{"replaced", func(c *corpus.Corpus, seed uint64, units float64, _ int64) ([]byte, int64) {
		return c.Replace(seed, units)
	}},
	{"inserted and removed", func(c *corpus.Corpus, seed uint64, units float64, _ int64) ([]byte, int64) {
		return c.InsertRemove(seed, units/2, units/2)
	}},
	{"5 % appended", func(c *corpus.Corpus, seed uint64, _ float64, _ int64) ([]byte, int64) {
		return c.Append(seed, 0.05)
	}},
	{"tiny, one a MiB", func(c *corpus.Corpus, seed uint64, _ float64, sizeBytes int64) ([]byte, int64) {
		return c.Tiny(seed, int(max(1, sizeBytes>>20)))
	}},
}

var versusKinds = []struct {
	name  string
	make  func(uint64, int64) *corpus.Corpus
	units float64 // share that is replaced, and half of it inserted and half removed
}{{"tar", corpus.Tar, 0.01}, {"text", corpus.Text, 0.001}, {"tokens", corpus.Tokens, 0.001}}

// versus compares what content-defined cutting is for: how few bytes an edit makes new, in plain-v1 and in FastCDC. The two
// have the same mean chunk, that of FastCDC at a normal size of 64 KiB on the corpus itself, because smaller chunks always win.
func versus(s *session) ([]row, error) {
	const normalBytes = 64 << 10
	var ours, theirs, ideal [4]float64 // sums of shares in %, by edit
	var ourMean, theirMean float64     // sums, bytes
	theirCut := peerCutting(fastCDC, normalBytes)
	seeds := max(1, int(math.Round(8*s.scale)))
	for seed := range uint64(seeds) {
		for _, kind := range versusKinds {
			c := kind.make(seed, s.scaled(64<<20))
			old := c.Bytes()
			chunks, err := fastCDC.whole(old, normalBytes)
			if err != nil {
				return nil, err
			}
			mean := float64(len(old)) / float64(chunks)
			params, realised, err := paramsForMean(old, mean)
			if err != nil {
				return nil, err
			}
			ourMean, theirMean = ourMean+realised, theirMean+mean
			ourCut, ourOld, theirOld := ourCutting(params), known{}, known{}
			if _, err := ourOld.add(ourCut, old); err != nil {
				return nil, err
			}
			if _, err := theirOld.add(theirCut, old); err != nil {
				return nil, err
			}
			said := fmt.Sprintf("%-6s seed %d: mean %.1f / %.1f KiB, new bytes in %%, ours / theirs / ideal:", kind.name, seed, realised/1024, mean/1024)
			for i, e := range edits {
				version, idealBytes := e.edit(c, seed, kind.units, int64(len(old)))
				our, err := ourOld.fresh(ourCut, version)
				if err != nil {
					return nil, err
				}
				their, err := theirOld.fresh(theirCut, version)
				if err != nil {
					return nil, err
				}
				size := int64(len(version))
				ours[i] += percent(our, size)
				theirs[i] += percent(their, size)
				ideal[i] += percent(idealBytes, size)
				said += fmt.Sprintf("  %.2f / %.2f / %.2f", percent(our, size), percent(their, size), percent(idealBytes, size))
			}
			s.say("%s", said)
		}
	}
	corpora := float64(seeds * len(versusKinds))
	rows := []row{told("delta to FastCDC: mean chunk", "KiB", ourMean/corpora/1024).beside(fastCDC.name, theirMean/corpora/1024)}
	logs := 0.0
	for i, e := range edits {
		r := told("delta to FastCDC, "+e.name+": new bytes", "%", ours[i]/corpora).beside(fastCDC.name, theirs[i]/corpora).ratioAtMost(1.03)
		s.say("%s: ours %.3f, theirs %.3f, ideal %.3f %%", e.name, ours[i]/corpora, theirs[i]/corpora, ideal[i]/corpora)
		logs += math.Log(ours[i] / theirs[i])
		rows = append(rows, r)
	}
	// The geometric mean, because the edits differ in size and each is to count as much as another.
	overall := told("delta to FastCDC, all edits: mean ratio", "x", math.Exp(logs/float64(len(edits)))).beside(fastCDC.name, 1).ratioAtMost(1.03)
	return append(rows, overall), nil
}

// paramsForMean are plain-v1 with the average that makes the mean chunk of data meanBytes, within half a percent or as near as
// eight tries come.
func paramsForMean(data []byte, meanBytes float64) (best chunker.Params, realised float64, err error) {
	avg := meanBytes
	for range 8 {
		p := chunker.ParamsFor(chunker.AlgorithmPlain, int64(avg))
		got, err := ourMean(data, p)
		if err != nil {
			return best, 0, err
		}
		if realised == 0 || math.Abs(got-meanBytes) < math.Abs(realised-meanBytes) {
			best, realised = p, got
		}
		if math.Abs(got/meanBytes-1) < 0.005 {
			break
		}
		avg *= meanBytes / got
	}
	return best, realised, nil
}

// ourMean is the mean chunk of data in bytes.
func ourMean(data []byte, p chunker.Params) (float64, error) {
	chunks := 1 // the last one, whose end is not told
	err := chunker.Boundaries(data, p, func(int64) { chunks++ })
	return float64(len(data)) / float64(chunks), err
}
