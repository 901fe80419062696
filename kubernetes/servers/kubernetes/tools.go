//go:build tools

// Package kubernetes names the programs that tests of the controller run against, so that go.mod says at which versions: the API server and its store.
package kubernetes

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
