// Package s3 is a [store.Store] over Amazon S3 and servers that speak its protocol. It promises that every byte it sends
// is covered by a checksum that the server checks, that no finished object is reported whose checksum the service calls
// something else, and that a lost answer to a final write is looked up instead of guessed.
//
// The bucket is opened through gocloud.dev/blob, which is also asked whether it can be reached; everything else goes to
// the SDK client that the bucket gives out, because blob escapes keys and knows neither conditional ranges nor uploads
// in parts.
//
// # Checksums
//
// Every body travels with its CRC64NVME in a header, computed once. The SDK adds no trailing checksum, no aws-chunked
// framing and no SHA-256 over the payload (it is signed as UNSIGNED-PAYLOAD), so a byte is hashed once on its way out.
// Uploads in parts ask for a full-object CRC64NVME, which is therefore equal to what Azure calls CRC64. Composite values
// ("…-N", a checksum of checksums) are never taken for a checksum of the object.
//
// Servers other than AWS may know no CRC64NVME. That is found out at the first write, and the package falls back to
// CRC32C and then to Content-MD5; [Store.Capabilities] tells what is in use. In both, a finished upload is proven by
// computing the value that the service derives from its parts and comparing it with the service's.
//
// # Outcome unknown
//
// A connection that breaks after a final write was sent says nothing about that write. Put and CompleteUpload then look
// at the key: the object as described is success, another one a conflict, and an unchanged key a transient failure.
//
// # Deletes
//
// Delete never names a version. In a bucket with versioning it leaves a delete marker, and the bytes stay (and cost) until
// the bucket's lifecycle removes them: deleting a version by its id would bring the one before back to life.
package s3
