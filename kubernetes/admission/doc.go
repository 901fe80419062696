// Package admission answers Kueue's admission check for Workloads whose pods need data.
//
// # Before quota
//
// What a Workload needs is asked of the daemon as soon as there is a Workload, and moves while it waits in its queue. Until quota is reserved for it,
// its entry stays Pending, and its message says how the data stands.
//
// # With quota
//
//	data                                               entry
//	all there, looked at again                         Ready, with the snapshot and the URL as annotations for its pods
//	there within --pending                             Pending: accelerators wait for a moment, which is cheaper than to queue again
//	there later, or nobody knows when                  Retry: quota is for others until about then
//	never: no budget has room, the source has it not   Rejected, with the daemon's reason; Kueue deactivates the Workload
//	the declaration is wrong                           Rejected, with every mistake by its annotation
//	the daemon does not answer                         Pending, and after --pending Retry
//	asked for by no annotation                         Ready at once, before quota too
//
// With Retry is said until when, by requeueAfterSeconds. Kueue 0.17.0 lets that time pass first and takes the quota away then, though its own documentation has
// it the other way round; nothing that a check can write has it do so sooner. So that time is --retry at most.
//
// What was rejected is deactivated by Kueue, which puts "Reset to Pending" over the reason within milliseconds. So the reason is also in a condition of the
// Workload, [Rejected], which is written together with the entry; from it the entry says the reason once more, whichever controller runs then; and an event has it.
//
// An entry is changed only while it is Pending: Kueue makes it that again whenever it evicts or reactivates a Workload, and what it decided in between is
// its own.
//
// # Active
//
// A ClusterQueue with a check that is not Active admits nothing at all, also no Workload that needs no data. So a check is Active as long as a controller
// serves it, whether the daemon answers or not; that is said by its condition Serving, and by the entries of the Workloads that wait. A controller that ends
// says so in the same condition; whether one that was killed is still there, the lease shows that the condition names.
package admission
