package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/datagravity/datagravity/internal/yamldoc"
)

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
	return io.ReadAll(io.LimitReader(f, yamldoc.MaxBytes+1))
}

// place is where the file has a field, by its name in [Error.Field]; 0 where it cannot be read any more. It is read again: only mistakes that
// other files have a part in need it.
func (c *Config) place(at string) (line, column int) {
	data, err := read(c.Path)
	if err != nil {
		return 0, 0
	}
	d, err := yamldoc.Parse(c.Path, data, "configuration")
	if err != nil {
		return 0, 0
	}
	d.Decode(&Config{})
	return d.PlaceOf(at)
}

// parse reads the text of a configuration; dir is what its relative paths are relative to.
func parse(path, dir string, data []byte) (*Config, error) {
	read, err := yamldoc.Parse(path, data, "configuration")
	if err != nil {
		return nil, err
	}
	d := &document{read}
	c := &Config{Path: path}
	d.Decode(c)
	d.fillIn(c, dir)
	d.check(c)
	if err := d.Err(); err != nil {
		return nil, err
	}
	return c, nil
}
