//go:build !linux && !darwin

package manifest

import (
	"errors"
	"io/fs"
)

func fileID(string, fs.FileInfo) (string, error) {
	return "", errors.New("not known how on this system")
}
