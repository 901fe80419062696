// Package reuse finds where a destination already holds the chunks that are missing there.
//
// It keeps no index of all chunks: 100 TB of them would be an 80 GB database. When a plan is made, the missing chunks are a
// bounded set; they stay in memory while the recipes of what the destination holds are streamed past them.
//
// # Promise
//
// A place that is handed out was held: the caller gave a chunk of that digest and length at that offset of that object.
// Every wanted chunk that was held gets at least one place, at each of its occurrences. Memory stays within
// [Options].MemoryBytes however much is wanted or held, but for what one shard's answer needs.
//
// # Which places are kept
//
// A chunk of zeros may be held a million times, and [Options].MaxPlaces of them are enough. Long runs make few parts, so a
// place goes before others if it continues the run: the chunk held right before it, in the same object, is the one that is
// wanted right before. Otherwise the object that was given earlier goes before, and in one object the lower offset.
//
// # In memory, and spilled
//
//	Want  -> table       each digest once (48 bytes), an open-addressing table over them (5 to 11 bytes), 4 bytes an occurrence
//	Hold  -> filter      2 bytes a chunk; nearly every held chunk that is not wanted ends here
//	      -> table       places, 16 bytes each
//	Each  -> places      shard by shard
//
// When the table would pass three quarters of the memory, everything goes on in sorted runs on disk:
//
//	Want  -> wanted runs  (digest prefix, length, chunk before, number of the occurrence), 32 bytes
//	Hold  -> filter       a quarter of the memory
//	      -> held runs    (digest prefix, length, order, offset, object, chunk before), 40 bytes
//	Each  -> join         both merged, side by side
//	      -> match runs   (number of the occurrence, rank, object, offset), 24 bytes
//	      -> places       matches merged, shard by shard
//
// The answers are the same, except that of a chunk held more than [Options].MaxPlaces times another choice may be kept, and
// that Hold never says that it is done.
//
// # Cost
//
// Measured on one core: 100 million held chunks against 1 million missing ones take 9 to 10 s and 75 MiB in all; 20 million
// missing ones, all of them held, with MemoryBytes of 128 MiB, take 30 to 38 s (51 s beside other work), 149 MiB in all, and
// 1.9 GB of runs (bench_test.go).
//
// # Files
//
// Runs are in a folder datagravity-reuse-* below [Options].Dir, made with the first run and removed by [Finder.Close]. The
// process that made it holds a lock (flock) on the folder as long as it lives. A folder of that name that nobody has locked
// was left by a process that was killed: [New] removes it.
package reuse
