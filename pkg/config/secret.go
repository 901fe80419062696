package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mostSecret is the longest that a secret can be.
const mostSecret = 64 << 10

// Read finds a secret. No error repeats it.
func (s Secret) Read() (string, error) {
	var text, where string
	var err error
	switch {
	case s.Env != "":
		where = "variable " + s.Env
		if text = os.Getenv(s.Env); text == "" {
			err = errors.New("is not set")
		}
	case s.File != "":
		where = "file " + s.File
		text, err = readSecret(s.File, true)
	case s.Credential != "":
		where = "credential " + s.Credential
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			err = errors.New("systemd gave this process none ($CREDENTIALS_DIRECTORY is not set); LoadCredential= in the unit does")
			break
		}
		text, err = readSecret(filepath.Join(dir, s.Credential), false)
	default:
		return "", errors.New("nothing says where the secret is found")
	}
	text = strings.TrimRight(text, "\r\n")
	if err == nil && text == "" {
		err = errors.New("is empty")
	}
	if err == nil && strings.ContainsAny(text, "\r\n\x00") {
		err = errors.New("has more than one line")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	return text, nil
}

// readSecret reads a file; private wants that others may not.
func readSecret(path string, private bool) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("is no file")
	case private && info.Mode().Perm()&0o007 != 0:
		return "", errors.New("may be read by every user of this machine; chmod o-rwx it")
	}
	b, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err == nil && len(b) > mostSecret {
		err = fmt.Errorf("has more than %d bytes", mostSecret)
	}
	return string(b), err
}

// ReadAll finds the values of headers.
func ReadAll(headers map[string]Secret) (map[string]string, error) {
	out := make(map[string]string, len(headers))
	for _, name := range names(headers) {
		v, err := headers[name].Read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}
