// Package staging keeps the daemon's jobs as the objects of a cluster want them, and tells those that wait when something about their data changed.
//
// # Requests
//
// However many objects wait, a round asks the daemon once for all of the cluster's jobs, adds what is missing together, and takes back together what
// nobody wants any more. A round is due when the time between two is over, and soon after an object wants something else. Nothing asks once an object,
// but for the last look before it is released.
//
// # A controller that dies
//
// Nothing is kept but what the cluster and the daemon know: the next one reads what the objects want, before its first round, and the jobs that the
// daemon has of this cluster without an object that wants them are taken back then. So no object needs a finalizer, and none is kept from being deleted
// by a controller that is not there.
package staging
