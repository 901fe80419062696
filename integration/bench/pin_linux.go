package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lastCore is the core that one process alone is measured on.
func lastCore() (int, error) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return 0, fmt.Errorf("sched_getaffinity: %w", err)
	}
	last := -1
	for core := range len(may) * strconv.IntSize {
		if may.IsSet(core) {
			last = core
		}
	}
	return last, nil
}

// onCore runs f on a thread that has one core; a process that f starts inherits that, and Go in it takes it for the only one.
func onCore(core int, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	one.Set(core)
	if err := errors.Join(unix.SchedGetaffinity(0, &before), unix.SchedSetaffinity(0, &one)); err != nil {
		return fmt.Errorf("pin to core %d: %w", core, err)
	}
	defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &before)) }()
	return f()
}

// leaveCore keeps this process and those that it started, the servers, off a core until back is called. Where there is no other core they stay.
func leaveCore(core int) (back func() error, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	others := all
	if others.Clear(core); others.Count() == 0 {
		return func() error { return nil }, nil
	}
	return func() error { return setCores(all) }, setCores(others)
}

// setCores of every thread of this process and of its children. It looks twice, because a thread may have been started by one not seen yet.
func setCores(cores unix.CPUSet) error {
	own := os.Getpid()
	for range 2 {
		tasks, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			if pid := strings.Split(task, "/")[2]; pid != strconv.Itoa(own) && parentOf(pid) != own {
				continue
			}
			id, err := strconv.Atoi(filepath.Base(task))
			if err == nil {
				err = unix.SchedSetaffinity(id, &cores)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("move thread %s: %w", task, err)
			}
		}
	}
	return nil
}

// parentOf is 0 for a process that is gone.
func parentOf(pid string) int {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	value, _, _ := strings.Cut(rest, "\n")
	parent, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil {
		return 0
	}
	return parent
}
