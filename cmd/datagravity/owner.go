package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// checkOwner keeps root from making files in a state directory of another user: the service that runs as that user could not open them, and would
// not start again. Reading does as much, since a manifest is made, or taken over, by who opens it.
func checkOwner(dir string) error {
	owner, ok := ownerOf(dir)
	if !ok || os.Geteuid() != 0 || owner == 0 {
		return nil
	}
	return &codedError{exitAuth, fmt.Errorf("%s belongs to %s, whose service could not open what root makes there; run this as that user: sudo -u %s datagravity …",
		dir, userName(owner), userName(owner))}
}

// explainOwner says whose a state directory is that was not to be opened.
func explainOwner(dir string, err error) error {
	owner, ok := ownerOf(dir)
	if !errors.Is(err, fs.ErrPermission) || !ok || owner == os.Geteuid() {
		return err
	}
	return &codedError{exitAuth, fmt.Errorf("%w; %s belongs to %s: run this as that user or, while its daemon runs, as root", err, dir, userName(owner))}
}

// ownerOf a folder; false: it does not exist, or nobody may know.
func ownerOf(dir string) (uid int, ok bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "#" + id // as sudo takes it
}
