package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFileBytes bounds what Load reads; a dataset takes about 100 bytes.
const maxFileBytes = 256 << 10

// Load reads and checks a configuration, fills in what it leaves out, and makes its paths absolute: relative ones are
// relative to the file's folder. The error is an *[Error], or [Errors] with every mistake found. Nothing is opened but the
// file itself.
func Load(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		message := "cannot be read: " + reason(err)
		if errors.Is(err, fs.ErrNotExist) {
			message = "no such file; datagravity init " + path + " writes a commented one to start from"
		}
		return nil, &Error{Path: path, Message: message}
	}
	if len(data) > maxFileBytes {
		return nil, &Error{Path: path, Message: "larger than 256KiB; that is not a configuration"}
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{Path: path, Message: err.Error()}
	}
	return parse(path, filepath.Dir(full), data)
}

func read(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxFileBytes+1))
}

// parse reads the text of a configuration; dir is what its relative paths are relative to.
func parse(path, dir string, data []byte) (*Config, error) {
	d, err := newDocument(path, data)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: path}
	d.decode(c)
	d.fillIn(c, dir)
	d.check(c)
	if err := d.err(); err != nil {
		return nil, err
	}
	return c, nil
}
