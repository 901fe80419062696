// Package retry tries the operations of a store again where that can help, and nowhere else.
//
// # Which failures
//
// Throttled and transient failures wait and try again, a failure of credentials tries once more, everything else is
// final: an object that changed, a conflict or a checksum that disagrees does not mend itself. A number of attempts and a
// time limit bound every operation.
//
// # Every attempt is paid for
//
// Before each further attempt the [store.AttemptFunc] of the context is asked. It reserves the price of the attempt, and its
// error ends the operation.
//
// # Writes whose answer was lost
//
// A Put, Copy or CompleteUpload that fails transiently may have happened all the same, and its condition then refuses
// the next attempt as if another writer had won. So after such a failure this package looks at the key before it sends
// anything again, and once more when an attempt is refused: an object of the right size with an equal full-object
// checksum is ours, and the operation has succeeded. What no checksum proves is left as the conflict it is.
//
// A CreateUpload whose answer was lost leaves an upload that nobody knows; ListUploads finds it for the collector of
// abandoned uploads.
package retry
