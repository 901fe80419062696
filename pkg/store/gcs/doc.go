// Package gcs is a [store.Store] over a Google Cloud Storage bucket.
//
// # Generations are the ETags
//
// An Object's ETag is its generation number in decimal. It changes with every write of the key, and every request of the
// service takes it: reads, writes and deletes carry it as ifGenerationMatch (0 for "absent"), copies and composes name it
// as their source. The HTTP ETag of the service also changes when only metadata does, and compose and rewrite do not take
// it. Object.Version is the same number, and set only if the bucket keeps versions; a Ref with a Version reads that
// generation even when it is no longer the live one, one with an ETag alone does not.
//
// # Uploads in parts are composites
//
// The service's multipart uploads (XML API) take no preconditions: "Preconditions cannot be used in XML API multipart
// uploads. Attempting to do so results in a 400 NotImplemented error" (Cloud Storage, Request preconditions). They
// would overwrite whatever another writer had put under the key. A resumable upload takes preconditions but sends its
// bytes in order, over one session that holds the only record of them. So a part here is an object of its own, and
// completing an upload composes them:
//
//	.datagravity/uploads/<id>/upload.json    the key, the time and the properties asked for; written first, deleted last
//	.datagravity/uploads/<id>/00001          a part, checked by the server against its CRC32C
//	.datagravity/uploads/<id>/1-00000        32 of them composed, where there are more than 32
//	the final key                            the last compose, with every source's generation and the caller's condition
//
// The CRC32C of the parts is combined into that of the whole and sent with the last compose, which the service refuses
// if the result would differ. Parts are of class STANDARD, because the others charge for early deletion. A composite
// has the class of its sources, so another class than STANDARD takes one more step: the composite is made under the
// upload's prefix, and a rewrite changes the class on the way to the final key, under the same condition.
//
// # Crash safety
//
// Nothing is visible under the key before the last step. After it, parts are deleted by generation, the descriptor last:
// whatever a crash leaves is found by ListUploads and removed by AbortUpload. Completing again after a lost answer finds
// the object standing with the right size and CRC32C and returns it.
//
// # One call, one request
//
// The SDK's retries are off. Its reader would still reopen a broken body behind the caller's back, which nobody would
// have paid for; the transport here refuses that second request. CompleteUpload, AbortUpload, ListUploads and Copy need
// several requests, and a read, delete or failed completion looks at the key once more to tell what stands there.
//
// # Compressed objects
//
// An object with Content-Encoding gzip is read as it is stored. That needs the XML API: the JSON client refuses the
// Accept-Encoding header without which the service decompresses, and then ignores ranges.
package gcs
