// Package engine carries out a plan: it reads, proves, writes and records, shard by shard and part by part.
//
// The durable effects of one part, in order:
//
//	reserve      the range and its margin, in the manifest and the journal, where the hop is paid or budgeted
//	read         the range of the pinned source object
//	prove        the part's chunk digests against the recipe, or cut and digest it to learn them
//	send         the part, with a checksum that the server checks
//	record       the part and what really crossed, in one transaction
//
// and of a shard: create the upload, its parts, complete it under the condition that the plan saw, compare the finished
// object's size and checksums with the shard's, record the replica, forget the transfer.
//
// # Crash safety
//
// A process killed anywhere leaves: reservations, which count as spent when the manifest is next opened; parts that were
// recorded, which are not read or sent again; at most the parts in flight to do over. A finished object that was not yet
// recorded is recognised by the transfer that is.
//
// # Memory
//
// One figure bounds the data in flight of all shards. A shard acquires memory for its parts in order, so that the part
// that others wait for always has its own. A run whose connections are slow, as they are over a long way, may have all of it in
// flight; near stores need no more than a part of it, and what was read and not yet sent is read again after a kill.
package engine
