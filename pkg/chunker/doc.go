// Package chunker names bytes: it cuts a shard into content-defined chunks, digests each chunk and the whole shard, and
// writes the result down as a [Recipe].
//
// It promises that the same bytes under the same [Params] always give the same chunks, digests and recipe bytes: however
// the shard was split into reads, whichever part was read first, on any machine, and also when the process was killed in
// between. It does no I/O and keeps nothing between calls. [Stream] and [Whole] use as many cores as they are told to;
// everything else runs on the caller's goroutine.
//
// # Data flow
//
//	bytes -> internal/window  positions whose window hash is high        (vectors where the machine has them)
//	      -> boundaries       which of them end a plain chunk            (sizes)
//	      -> tarWalk          which of them count in a tar archive       (headers)
//	      -> Cutter           chunks with their digests                  (one core, part by part, resumable)
//	         Stream, Whole    the same over a whole shard                (all cores)
//	      -> Recipe           what is kept
//	bytes -> internal/lanes   BLAKE3 of eight nodes of a tree at a time  (AVX2 without AVX-512; else lukechampine.com/blake3/guts)
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
// [Cutter] that was interrupted goes on from its [State] and at most MaxBytes and MinBytes together of the shard read again.
//
// # Identity
//
// A shard's digest is plain BLAKE3 of its bytes, what b3sum prints. It depends on no parameter of this package and will
// never change. Nor will the chunks that an algorithm makes of given bytes, and the encoding of recipes: docs/format.md
// promises both. A recipe names its algorithm.
package chunker
