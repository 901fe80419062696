// Package tests runs the controller as a process, with the rights that the chart gives it, against a real API server, Kueue's own manager and a real daemon.
package tests
