package open

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
)

// Makes is the directory that opening a store's URL would make, because it is not there and the URL says create_dir=true; "" if it makes none.
func Makes(raw string) string {
	u, err := parse(raw)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	if create, _ := strconv.ParseBool(u.Query().Get("create_dir")); !create {
		return ""
	}
	if _, err := os.Stat(u.Path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return u.Path
}
