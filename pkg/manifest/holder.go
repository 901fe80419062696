package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// holder is the content of holder.json: who holds manifest.db, for the message to whoever must wait. The lock itself is
// on manifest.db; this file is only what people read.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

const holderFile = "holder.json"

func writeHolder(dir, command string, now time.Time) error {
	if command == "" {
		command = strings.Join(os.Args, " ")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	b, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Command: command, Since: now.UTC()})
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, holderFile), b, 0o600)
}

// removeHolder is called while the lock is still held, so that it never removes another process's name.
func removeHolder(dir string) error {
	err := os.Remove(filepath.Join(dir, holderFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func describeHolder(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, holderFile))
	var h holder
	if err != nil || json.Unmarshal(b, &h) != nil {
		return "a process that has not said its name yet"
	}
	if host, err := os.Hostname(); err == nil && host == h.Host && !alive(h.PID) {
		// It was killed, and whoever holds the lock now got it a moment ago.
		return fmt.Sprintf("a process that has not said its name yet (the one before it was %d on %s)", h.PID, h.Host)
	}
	return fmt.Sprintf("process %d on %s (%s), since %s", h.PID, h.Host, h.Command, h.Since.Format(time.RFC3339))
}

// alive tells whether a process exists on this host; one that may not be signalled does.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
