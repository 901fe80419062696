package format

import (
	"fmt"
	"slices"
	"strings"
)

// mdsFile is one file of a shard as index.json of MDS has it.
type mdsFile struct {
	Basename string            `json:"basename"`
	Bytes    *int64            `json:"bytes"`
	Hashes   map[string]string `json:"hashes"`
}

// mdsShard is a shard. Formats json, csv, tsv and xsv have a second file beside the first, where their samples begin.
type mdsShard struct {
	Version int      `json:"version"`
	Format  string   `json:"format"`
	Samples *int64   `json:"samples"`
	RawData *mdsFile `json:"raw_data"`
	ZipData *mdsFile `json:"zip_data"`
	RawMeta *mdsFile `json:"raw_meta"`
	ZipMeta *mdsFile `json:"zip_meta"`
}

// MDS reads the index.json of a MosaicML StreamingDataset, version 2 (streaming/base/format): the files that a loader fetches, in the
// index's order. Where a shard has a compressed form, that one alone is fetched. Names are relative to the index's folder; a merged index
// has folders in them. Samples are told for the data file of a shard, and unknown for the file beside it.
func MDS(data []byte, place Place) ([]File, error) {
	o, err := openObject(data)
	if err != nil {
		return nil, err
	}
	var files []File
	for {
		field, err := o.next()
		switch field {
		case "":
			if err == nil && !o.seen["shards"] {
				err = fmt.Errorf("%w: it has no list \"shards\", so it is no index of MDS", ErrMalformed)
			}
			return files, err
		case "version":
			var version int
			if err := o.value(field, &version); err != nil {
				return nil, err
			}
			if version != 2 {
				return nil, fmt.Errorf("%w: version %d of MDS is not known, only 2", ErrMalformed, version)
			}
		case "shards":
			if err := o.list(field, func(at string) (err error) {
				var s mdsShard
				if err := o.value(at, &s); err != nil {
					return err
				}
				files, err = s.addTo(files, at, place)
				return err
			}); err != nil {
				return nil, err
			}
		default:
			if err := o.skip(field); err != nil {
				return nil, err
			}
		}
	}
}

// addTo appends what a loader fetches of a shard.
func (s *mdsShard) addTo(files []File, at string, place Place) ([]File, error) {
	if s.Version != 2 {
		return nil, fmt.Errorf("%w: %s: version %d of MDS is not known, only 2", ErrMalformed, at, s.Version)
	}
	switch s.Format {
	case "mds", "json", "csv", "tsv", "xsv":
	default:
		return nil, fmt.Errorf("%w: %s: format %q is not known (mds, json, csv, tsv, xsv)", ErrMalformed, at, s.Format)
	}
	samples := int64(Unknown)
	if s.Samples != nil && *s.Samples >= 0 {
		samples = *s.Samples
	}
	data, field := s.RawData, "raw_data"
	if s.ZipData != nil {
		data, field = s.ZipData, "zip_data"
	}
	if data == nil {
		return nil, fmt.Errorf("%w: %s has neither raw_data nor zip_data", ErrMalformed, at)
	}
	f, err := data.file(at+"."+field, samples, place)
	if err != nil {
		return nil, err
	}
	files = append(files, f)
	meta, field := s.RawMeta, "raw_meta"
	if s.ZipMeta != nil {
		meta, field = s.ZipMeta, "zip_meta"
	}
	if meta == nil {
		if s.Format != "mds" {
			return nil, fmt.Errorf("%w: %s is %s and has neither raw_meta nor zip_meta", ErrMalformed, at, s.Format)
		}
		return files, nil
	}
	if f, err = meta.file(at+"."+field, Unknown, place); err != nil {
		return nil, err
	}
	return append(files, f), nil
}

func (m *mdsFile) file(at string, samples int64, place Place) (f File, err error) {
	if IsURL(m.Basename) {
		return f, fmt.Errorf("%w: %s.basename is a URL", ErrMalformed, at)
	}
	f.Path, err = place.Path(m.Basename)
	if err != nil {
		return f, placed(at+".basename", err)
	}
	f.Bytes, f.Samples = Unknown, samples
	if m.Bytes != nil {
		if f.Bytes = *m.Bytes; f.Bytes < 0 {
			return f, fmt.Errorf("%w: %s.bytes is %d", ErrMalformed, at, f.Bytes)
		}
	}
	for name, value := range m.Hashes {
		f.Hashes = append(f.Hashes, Hash{name, value})
	}
	slices.SortFunc(f.Hashes, func(a, b Hash) int { return strings.Compare(a.Algorithm, b.Algorithm) })
	return f, nil
}
