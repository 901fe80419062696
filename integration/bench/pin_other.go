//go:build !linux

package main

import "errors"

var errPin = errors.New("one core for a process alone: the benchmarks need Linux")

func lastCore() (int, error) { return 0, errPin }

func onCore(int, func() error) error { return errPin }

func leaveCore(int) (back func() error, err error) { return nil, errPin }
