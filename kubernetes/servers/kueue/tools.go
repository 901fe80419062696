//go:build tools

// Package kueue names the manager of Kueue, that tests of the controller run against, so that go.mod says at which version.
package kueue

import _ "sigs.k8s.io/kueue/cmd/kueue"
