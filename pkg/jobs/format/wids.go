package format

import (
	"encoding/json"
	"fmt"
)

// widsKind is what a shard list says that it is. Older ones say nothing; the version decides.
const widsKind = "wids-shard-index-v1"

type widsShard struct {
	URL      *string `json:"url"`
	MD5      string  `json:"md5sum"`
	FileSize *int64  `json:"filesize"`
	Samples  *int64  `json:"nsamples"`
}

// widsPart is a dataset in a list of several.
type widsPart struct {
	SourceURL string      `json:"source_url"`
	Base      string      `json:"base"`
	ShardList []widsShard `json:"shardlist"`
}

// Wids reads a shard list of WebDataset's wids, version 1 (wids/wids_specs.py): a list "shardlist", and "datasets" with lists of their own.
// URLs are full, or relative to the index's folder; those of a dataset with a "base" are relative to that. A dataset that only names
// another file ("source_url") is refused: what that file says is not in these bytes.
func Wids(data []byte, place Place) ([]File, error) {
	o, err := openObject(data)
	if err != nil {
		return nil, err
	}
	var files, parts []File // the shards of the list itself come first, wherever it stands
	for {
		field, err := o.next()
		if err != nil {
			return nil, err
		}
		switch field {
		case "":
			return widsEnd(o, append(files, parts...))
		case "__kind__":
			var kind string
			if err := o.value(field, &kind); err != nil {
				return nil, err
			}
			if kind != widsKind {
				return nil, fmt.Errorf("%w: it is of the kind %.60q, not %q", ErrMalformed, kind, widsKind)
			}
		case "wids_version":
			var version json.Number
			if err := o.value(field, &version); err != nil {
				return nil, err
			}
			if version != "1" {
				return nil, fmt.Errorf("%w: wids_version %s is not known, only 1", ErrMalformed, version)
			}
		case "shardlist":
			err = o.list(field, func(at string) (err error) {
				var s widsShard
				if err = o.value(at, &s); err == nil {
					files, err = s.addTo(files, at, place)
				}
				return err
			})
		case "datasets":
			err = o.list(field, func(at string) (err error) {
				var p widsPart
				if err = o.value(at, &p); err == nil {
					parts, err = p.addTo(parts, at, place)
				}
				return err
			})
		default:
			err = o.skip(field)
		}
		if err != nil {
			return nil, err
		}
	}
}

func widsEnd(o *object, files []File) ([]File, error) {
	switch {
	case !o.seen["wids_version"]:
		return nil, fmt.Errorf("%w: it has no wids_version, so it is no shard list of wids", ErrMalformed)
	case !o.seen["shardlist"] && !o.seen["datasets"]:
		return nil, fmt.Errorf("%w: it has neither shardlist nor datasets", ErrMalformed)
	}
	return files, nil
}

func (p *widsPart) addTo(files []File, at string, place Place) (_ []File, err error) {
	if p.SourceURL != "" {
		return nil, fmt.Errorf("%w: %s refers to another list, %.200q; name that one with a term wids: of its own", ErrMalformed, at, redact(p.SourceURL))
	}
	base := p.Base
	for i := range p.ShardList {
		s, in := &p.ShardList[i], fmt.Sprintf("%s.shardlist[%d]", at, i)
		if base != "" && s.URL != nil && !IsURL(*s.URL) && (*s.URL == "" || (*s.URL)[0] != '/') {
			joined := base
			if joined[len(joined)-1] != '/' {
				joined += "/"
			}
			joined += *s.URL
			s.URL = &joined
		}
		if files, err = s.addTo(files, in, place); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (s *widsShard) addTo(files []File, at string, place Place) ([]File, error) {
	if s.URL == nil {
		return nil, fmt.Errorf("%w: %s has no url", ErrMalformed, at)
	}
	p, err := place.Path(*s.URL)
	if err != nil {
		return nil, placed(at+".url", err)
	}
	f := File{Path: p, Bytes: Unknown, Samples: Unknown}
	if s.FileSize != nil {
		if f.Bytes = *s.FileSize; f.Bytes < 0 {
			return nil, fmt.Errorf("%w: %s.filesize is %d", ErrMalformed, at, f.Bytes)
		}
	}
	if s.Samples != nil && *s.Samples >= 0 {
		f.Samples = *s.Samples
	}
	if s.MD5 != "" {
		f.Hashes = []Hash{{"md5", s.MD5}}
	}
	return append(files, f), nil
}
