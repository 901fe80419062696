// Package pack puts the chunks that a destination lacks into files of up to 64 MiB, compressed, or as the difference to old
// chunks that the destination has. It is a codec: it reads and writes bytes, opens no file and keeps nothing between calls.
//
// It promises that what [Pack.Decode] hands on has the digest of its chunk, whatever bytes it was given; that neither it nor
// [Open] panics or allocates more than a small multiple of what it was given, or 16 MiB a frame; and that a later version reads what this one
// writes. What an [Encoder] makes of given chunks may change between versions.
//
// # Data flow
//
//	run of chunks -> Encoder  one or more frames                       (one goroutine each, as many as there are cores)
//	              -> Writer   tables and frames, until the pack is full
//	              -> the pack's bytes, named by their BLAKE3
//
//	first 20 bytes  -> TablesBytes  how many bytes must be read to know where everything is
//	prefix, tables  -> Open         frames and entries, proven
//	any one frame   -> Pack.Decode  its chunks, proven                 (any order, any goroutine)
//
// # Words
//
//	run    consecutive new chunks of one shard
//	frame  what is compressed, stored, fetched and decoded as one: a run, or a piece of one
//	entry  a chunk in a frame
//	base   old chunks, in order, whose bytes one after another are a frame's dictionary
//
// docs/format.md has every byte.
package pack
