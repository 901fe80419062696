// Package file is a directory as a [store.Store]: a disk of a training machine, or a mounted file system that many share.
//
// It promises that a key is there whole or not at all, that a file is proven before it gets its name, and that no path
// leaves the directory, whatever symbolic links it holds.
//
// # Keys are paths
//
// A key is the path of a regular file below the directory, exact to the byte; keys that are no such path are refused with
// ErrName. No file lies beside an object to describe it: content types and encodings are not kept, and checksums are
// computed when a write is finished and not afterwards. The ETag is made of inode, size, mtime and ctime, so that even a
// change that sets the time back is noticed; the price is that a chmod or a new hard link looks like a change too.
// Deleting an object removes the directories that it leaves empty.
//
// A symbolic link to a file inside the directory is an object. A listing that meets any other link stops with an error,
// for a shard that is not seen would be missing from a snapshot.
//
// # Crash safety
//
// A write goes, in this order, and each step is durable before the next:
//
//  1. the bytes into .datagravity/uploads/<id>.data (each part with fdatasync before UploadPart returns)
//  2. the whole file synced, dropped from the page cache and read back, past that cache where the file system can
//     (O_DIRECT); both CRCs of what was read compared with the promised ones
//  3. parent directories made, and each synced into its own parent
//  4. link(2) to the final name, which fails if it exists; or, to replace an object, a comparison of its ETag and
//     rename(2), both under a lock that all agents on this directory take
//  5. the final directory synced
//  6. the temporary name and the description of the upload removed
//
// A crash before 4 leaves no final name; one after 4 is finished by calling CompleteUpload again.
//
// # Time of two changes
//
// Where the kernel's file times are coarse (a few milliseconds before Linux 6.13), a foreign program that overwrites a file
// in place, with as many bytes and within one tick of the last change, is not noticed. Our own writes always make a new
// inode.
package file
