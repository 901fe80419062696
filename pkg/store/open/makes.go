package open

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strconv"
)

// Makes is the directory that opening a store's URL would make, because it is not there and the URL says create_dir=true; "" if it makes none.
func Makes(raw string) string {
	u, err := parse(raw)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	if !createsDir(u) {
		return ""
	}
	if _, err := os.Stat(u.Path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return u.Path
}

// createsDir tells whether a URL has a directory made that is not there.
func createsDir(u *url.URL) bool {
	create, _ := strconv.ParseBool(u.Query().Get("create_dir")) // what is neither is none
	return create
}
