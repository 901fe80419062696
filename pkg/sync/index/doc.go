// Package index finds out what a dataset holds: it lists the source, tells which shards must be read because they are
// new or changed, and commits an immutable snapshot once all are known.
//
//	listing   = pages of the source, in key order, without our own objects and what the filters leave out
//	known     = listing x latest snapshot (a merge of two sorted lists), else x facts from an index that was cut short
//	carried   = changed ETag, but equal size and equal stored checksum: not read again
//	to read   = the rest; reading them is the engine's work, because it may copy in the same pass
//	snapshot  = listing x facts, when complete_when allows it
//
// # An empty or failing listing
//
// A listing that fails on any page is no listing. An empty one is an error ([ErrEmpty]), never a snapshot: an unmounted
// directory or a wrong prefix must not look like a dataset from which everything was deleted.
package index
