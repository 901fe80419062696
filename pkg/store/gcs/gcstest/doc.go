// Package gcstest is a small, strict Google Cloud Storage server in memory, for what the emulators let pass.
//
// It speaks as much of the JSON API as a store needs (bucket settings, list, get, media, delete, compose, rewrite, and the
// three kinds of upload) and the XML API's GET. Of that, it enforces what the service documents: every precondition on
// every method, generations of sources, at most 32 sources of one class in a compose, checksums on every kind of upload and
// on compose, names, rewrite tokens. It keeps no ACLs and asks for no credentials.
//
// Where the documentation leaves an answer open it takes the one that is harder for a client: a compose never changes the
// storage class, a composite has no MD5, and gzip is decompressed, ranges ignored, for whoever does not say that he takes
// it.
package gcstest
