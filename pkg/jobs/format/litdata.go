package format

import "fmt"

// LitData reads the index.json of LitData (litdata/streaming/writer.py): its chunks in order, relative to the index's folder, with the
// samples of each.
//
// Sizes are unknown. chunk_bytes is the length before compression; and without compression, older versions wrote the sum of the items
// there, without the table of offsets that the file begins with. The index does not say which version wrote it.
func LitData(data []byte, place Place) ([]File, error) {
	o, err := openObject(data)
	if err != nil {
		return nil, err
	}
	var files []File
	for {
		field, err := o.next()
		if err != nil {
			return nil, err
		}
		switch field {
		case "":
			if !o.seen["chunks"] {
				return nil, fmt.Errorf("%w: it has no list \"chunks\", so it is no index of LitData", ErrMalformed)
			}
			return files, nil
		case "chunks":
			err = o.list(field, func(at string) error {
				var c struct {
					Filename string `json:"filename"`
					Items    *int64 `json:"chunk_size"`
				}
				if err := o.value(at, &c); err != nil {
					return err
				}
				if IsURL(c.Filename) {
					return fmt.Errorf("%w: %s.filename is a URL", ErrMalformed, at)
				}
				p, err := place.Path(c.Filename)
				if err != nil {
					return placed(at+".filename", err)
				}
				f := File{Path: p, Bytes: Unknown, Samples: Unknown}
				if c.Items != nil && *c.Items >= 0 {
					f.Samples = *c.Items
				}
				files = append(files, f)
				return nil
			})
		default:
			err = o.skip(field)
		}
		if err != nil {
			return nil, err
		}
	}
}
