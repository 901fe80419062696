package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FileName is what a configuration is called where no other name is given.
const FileName = "datagravity.yaml"

// Find returns the configuration to use: explicit if it is not empty (whether it exists, [Load] finds out), else the first
// there is of ./datagravity.yaml, $XDG_CONFIG_HOME/datagravity/datagravity.yaml (by default in ~/.config) and
// /etc/datagravity/datagravity.yaml. Without any the error is an *[Error] that says where it looked.
func Find(explicit string) (path string, err error) {
	if explicit != "" {
		return explicit, nil
	}
	places := places()
	for _, p := range places {
		_, err := os.Stat(p)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			// One that is there and cannot be seen must not be passed over for another.
			return "", &Error{Path: p, Message: "cannot be read: " + reason(err)}
		}
	}
	return "", &Error{Message: "no configuration found (looked for " + strings.Join(places, ", ") +
		"); datagravity init writes a commented one to start from, --config FILE names another"}
}

func places() []string {
	out := []string{FileName}
	if dir := xdg("XDG_CONFIG_HOME", ".config"); dir != "" {
		out = append(out, filepath.Join(dir, "datagravity", FileName))
	}
	return append(out, filepath.Join("/etc/datagravity", FileName))
}

// xdg is a base directory of the XDG specification, which says to ignore relative paths; "" if there is no home.
func xdg(variable, underHome string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, underHome)
}

// reason is an error of the file system without the path that the message names already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}
