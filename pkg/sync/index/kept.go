package index

import (
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Kept is the dataset with the algorithm that it goes on with, where its configuration leaves that open: the one that its shards are cut by,
// so that another default reads nothing again, and a new version of a shard has chunks in common with the old one. A dataset of which
// nothing was read yet begins with that of Params.
//
// If its shards are cut by several, because one was named for a time, it is the one that most bytes are cut by.
func Kept(tx *manifest.Tx, d Dataset) (Dataset, error) {
	known := append([]string{d.Params.Algorithm}, d.Earlier...)
	d.Earlier = nil
	if len(known) == 1 {
		return d, nil
	}
	record, ok, err := tx.Dataset(d.Name)
	if err != nil || !ok || record.Store != d.Store || record.Prefix != d.Prefix {
		return d, err
	}
	if a := algorithmOf(record.Cut); slices.Contains(known, a) {
		d.Params.Algorithm = a
		return d, nil
	}
	sizes := map[string]int64{}
	err = tx.Facts(d.Name, func(f manifest.Fact) (bool, error) {
		sizes[algorithmOf(f.Cut)] += f.Size
		return true, nil
	})
	most := int64(-1)
	for _, a := range known {
		if size, ok := sizes[a]; ok && size > most {
			d.Params.Algorithm, most = a, size
		}
	}
	return d, err
}

// algorithmOf a line of [CutOf].
func algorithmOf(cut string) string {
	a, _, _ := strings.Cut(cut, " ")
	return a
}

// CutAs is the dataset with its shards cut as a line of [CutOf] says, if it says something that this version knows.
func (d Dataset) CutAs(cut string) Dataset {
	words := strings.Fields(cut)
	if len(words) < 2 {
		return d
	}
	p := chunker.Params{Algorithm: words[0]}
	if _, err := fmt.Sscanf(words[1], "%d/%d/%d", &p.MinBytes, &p.AvgBytes, &p.MaxBytes); err != nil || p.Validate() != nil {
		return d
	}
	for _, digest := range words[2:] {
		if !slices.Contains(chunker.ExtraAlgorithms(), digest) {
			return d
		}
	}
	d.Params, d.Digests, d.Earlier = p, words[2:], nil
	return d
}
