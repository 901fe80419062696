// Package store is datagravity's one view of a bucket, a container or a directory.
//
// A [Store] lists, reads ranges, writes small objects whole and large ones in parts, copies on the server and deletes.
// The backends live in sub-packages named for what they wrap (azure, s3, gcs, file, mem); pkg/store/open chooses one by
// URL. No package outside this tree imports a cloud SDK.
//
// # Pinned reads
//
// A read names a [Ref]: a key with the ETag (and, where the store keeps versions, the version) that was seen earlier. A
// backend sends it as a condition, so that an object replaced in between is noticed ([ErrChanged]) and never mixed.
//
// # Conditional writes
//
// Every final write names a [Condition]: the key was absent, or held this ETag. This, not a lock, keeps two writers of
// one key from mixing: the store tells one of them no ([ErrConflict]). The zero Condition is refused, so that nobody
// overwrites by forgetting.
//
// # What is proven
//
// Parts and small objects travel with a checksum that the server checks where it can (see [Capabilities]). CompleteUpload
// returns the finished object with the checksums that the store itself vouches for; a caller compares them with the
// shard's. A backend whose service gives none (Azure block blobs) compares the committed block list instead and says so
// in Capabilities.Proof.
//
// # Retrying, metering, faults
//
// Backends try once: SDK retries are off. The decorators in pkg/store/retry, pkg/store/meter and pkg/store/fault wrap any
// Store, so that every attempt is metered and paid for in one place.
//
// # Our own objects
//
// Everything of ours that is not a shard lives under [Private] at the store's root and is never part of a dataset.
package store
