package main

import (
	"fmt"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// algorithms of ours, in the order of the limits below.
var algorithms = []string{chunker.AlgorithmPlain, chunker.AlgorithmTarV1, chunker.AlgorithmTar}

// deltas is how much of a new version of a tar shard is new, at 64 KiB: the share of its bytes in chunks that the old version
// does not have. The peer's column is the ideal, the bytes that really are new.
func deltas(s *session) (rows []row, err error) {
	c := corpus.Tar(1, s.scaled(dataBytes))
	old := c.Bytes()
	for _, e := range []struct {
		name   string
		limits []float64 // % for each of the algorithms
		edit   func() ([]byte, int64)
	}{
		{"1 % replaced", []float64{2.5, 1.2, 1.2}, func() ([]byte, int64) { return c.Replace(1, 0.01) }},
		{"0.5 % inserted, 0.5 % removed", []float64{2.5, 0.8, 0.8}, func() ([]byte, int64) { return c.InsertRemove(1, 0.005, 0.005) }},
		{"5 % appended", []float64{4.8, 4.8, 4.8}, func() ([]byte, int64) { return c.Append(1, 0.05) }},
	} {
		version, ideal := e.edit()
		for i, algorithm := range algorithms {
			share, err := newShare(algorithm, [][]byte{old}, [][]byte{version})
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("tar, %s, %s: new bytes", e.name, algorithm)
			rows = append(rows, told(name, "%", share).beside("ideal", percent(ideal, int64(len(version)))).atMost(e.limits[i]))
		}
	}
	more, err := replacedBesidePeers(c, old)
	if err != nil {
		return nil, err
	}
	rows = append(rows, more...)
	for _, kind := range []struct {
		name string
		make func(uint64, int64) *corpus.Corpus
	}{{"tar", corpus.Tar}, {"WebDataset", corpus.WebDataset}} {
		var shards []*corpus.Corpus
		var before [][]byte
		for seed := range uint64(4) {
			shard := kind.make(seed, s.scaled(dataBytes/4))
			shards, before = append(shards, shard), append(before, shard.Bytes())
		}
		after := corpus.Shuffle(1, shards)
		for _, algorithm := range algorithms {
			share, err := newShare(algorithm, before, after)
			if err != nil {
				return nil, err
			}
			rows = append(rows, told(fmt.Sprintf("%s, 4 shards shuffled, %s: new bytes", kind.name, algorithm), "%", share).beside("ideal", 0))
		}
	}
	return rows, nil
}

// replacedBesidePeers is the first edit again, plain-v1 against every peer asked for 64 KiB. A chunker that is fast because it
// looks at little may not find its old boundaries again. The mean chunks differ, so the peers' are in their names.
func replacedBesidePeers(c *corpus.Corpus, old []byte) (rows []row, err error) {
	const avgBytes = 64 << 10
	version, _ := c.Replace(1, 0.01)
	ours, err := newShare(chunker.AlgorithmPlain, [][]byte{old}, [][]byte{version})
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		k, cut := known{}, peerCutting(p, avgBytes)
		if _, err := k.add(cut, old); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		chunks := len(k)
		fresh, err := k.add(cut, version)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		peerName := fmt.Sprintf("%s, mean chunk %d KiB", p.name, len(old)/chunks>>10)
		rows = append(rows, told("tar, 1 % replaced, plain-v1: new bytes, to "+p.name, "%", ours).beside(peerName, percent(fresh, int64(len(version)))))
	}
	return rows, nil
}

// newShare is the share of the new shards in chunks that none of the old ones has, in %.
func newShare(algorithm string, before, after [][]byte) (float64, error) {
	cut := ourCutting(chunker.ParamsFor(algorithm, 64<<10))
	k := known{}
	for _, data := range before {
		if _, err := k.add(cut, data); err != nil {
			return 0, err
		}
	}
	var fresh, total int64
	for _, data := range after {
		n, err := k.add(cut, data)
		if err != nil {
			return 0, err
		}
		fresh, total = fresh+n, total+int64(len(data))
	}
	return percent(fresh, total), nil
}

func percent(part, of int64) float64 { return 100 * float64(part) / float64(of) }
