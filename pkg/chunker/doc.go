// Package chunker names bytes: it cuts a shard into content-defined chunks, digests each chunk and the whole shard, and
// writes the result down as a [Recipe].
//
// It promises that the same bytes under the same [Params] always give the same chunks, digests and recipe bytes: however
// the shard was split into reads, whichever part was read first, on any machine, and also when the process was killed in
// between. It does no I/O, starts no goroutine and keeps nothing between calls; everything here runs on the caller's
// goroutine, so the caller decides how many cores are used.
//
// # Parts
//
// A shard is worked on in parts: buffers that each start at a multiple of one power-of-two size, the last one shorter.
// What a part contributes falls into two kinds:
//
//	SumPart    independent of other parts, any order, any core: a BLAKE3 chaining value and two CRCs, 44 bytes to keep
//	Cutter     in order: where chunks end depends on where the chunk before ended, and on nothing else
//
// [CombineParts] turns the facts of all parts into the shard's digest and checksums without touching its bytes again. A
// [Cutter] that was interrupted goes on from its [State] and at most MaxBytes of the shard read again.
//
// # Identity
//
// A shard's digest is plain BLAKE3 of its bytes, what b3sum prints. It depends on no parameter of this package and will
// never change. Chunk boundaries and the recipe's encoding are version 0 and may change until they are frozen; a recipe
// names the algorithm that made it.
package chunker
