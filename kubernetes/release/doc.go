// Package release lets go of Jobs, RayJobs and Pods that wait for their data, in clusters and queues without Kueue.
//
//	kind              waits by                                                        is released by
//	Job, RayJob       spec.suspend: true                                              spec.suspend: false
//	Pod               spec.schedulingGates, with one of the name datagravity.dev/data  taking that gate away
//
// Each has the label datagravity.dev/release: "true", by which the API server selects what is watched: a cluster's other pods cost nothing. Pods hold no
// node while they wait.
//
// A Job or RayJob is released once, as its annotation datagravity.dev/released says: who suspends it again means it. One that Kueue manages, by its label
// kueue.x-k8s.io/queue-name, is left to Kueue. Pods of one owner that declare the same share one job of the daemon.
package release
