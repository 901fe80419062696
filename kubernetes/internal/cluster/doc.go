// Package cluster gives tests a real API server: kube-apiserver and etcd, started by controller-runtime's envtest, with the resources of Kueue and KubeRay;
// Kueue's own manager, as a process; and a real daemon of datagravity, as a process, that answers over TLS.
//
// There are no nodes and none of Kubernetes' own controllers: a Pod is never scheduled, a Job never makes Pods, nothing is collected when its owner is
// gone, and a namespace that is deleted stays. Each test has namespaces of its own.
//
//	func TestMain(m *testing.M) { cluster.Main(m) }
package cluster
