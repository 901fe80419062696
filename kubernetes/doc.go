// Package kubernetes holds the controller that has pods start when their data is there, and not before: with Kueue as an admission check (package admission),
// without it by Jobs and RayJobs that are suspended and Pods behind a scheduling gate (package release). It is a module of its own, so that the datagravity
// program carries nothing of Kubernetes.
//
// # What it may do in a cluster
//
// Everything is read through caches, which list and watch; nothing is read one by one. In each namespace that is worked in, or in all:
//
//	kueue.x-k8s.io workloads          list, watch         what pods will need, from before quota is reserved
//	kueue.x-k8s.io workloads/status   patch               the admission check's entry
//	batch jobs                        list, watch, patch  release: spec.suspend, the pod template's annotations
//	ray.io rayjobs                    list, watch, patch  release: the same, where KubeRay is
//	pods                              list, watch, patch  release: spec.schedulingGates and annotations
//	events.k8s.io events              create, patch       declarations that are wrong, data that is refused or there
//
// In the cluster:
//
//	kueue.x-k8s.io admissionchecks         list, watch  which checks are ours
//	kueue.x-k8s.io admissionchecks/status  patch        the conditions Active and Serving
//
// In the namespace of the lease:
//
//	coordination.k8s.io leases  create; get, update of the lease alone by its name  leader election
//	events                      create, patch                                       who leads
//
// It needs no Secret, no ConfigMap and no Node, creates and deletes no object but events and its lease, and adds no finalizer. --kueue=no and --release=false
// each make the lines of the other part needless.
package kubernetes
