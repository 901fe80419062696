// Package selector says which shards of a dataset a job needs, in the words of its training framework: globs, WebDataset's braces, lists of
// URLs, index ranges, an amount of bytes, or what an index names.
//
// A selection is a list of terms, a line of text each. It selects the union of what they select, in the order of the terms, each path once.
// No term at all selects everything.
//
//	PATH or GLOB           a path of the dataset, or doublestar: **, *, ?, [a-z], {a,b}
//	wds:SPEC               WebDataset's notation; a text with a range {A..B} is taken as that without the prefix
//	list:A,B               paths or URLs; \, is a comma in a name
//	urls:FILE              the same from a file, one a line
//	range:0-9,20,30- [of TERM]         by number, from 0 on
//	bytes:SIZE [seed=N] [of TERM]      as many of the first as fit
//	mds:DIR  litdata:DIR  wids:FILE  energon:SPLIT[@DIR]  megatron:PREFIX  parquet:NAME  delta:TABLE
//
// # What order means
//
// A glob, and range: or bytes: without TERM, go by the byte order of the path; wds:, list: and urls: by the order in which names are written;
// an index by its own order, with its index files last. range: picks from that order and keeps it. bytes: with a seed goes by [Shuffled].
// range: and bytes: count shards alone: index files that TERM selects come along, and markers do not, because a marker says that all is there.
//
// # A selection stands alone
//
// [Parse] reads variables and lists of URLs; afterwards nothing of the machine that it ran on matters. [Selection.Terms] is canonical: parsing it
// gives an equal selection, anywhere, so that its digest names it. What a selection selects then depends on the dataset alone, and is found
// by [Selection.Resolve] in one pass over its paths.
//
// # What is never done
//
// No command is run (pipe:), nothing is unpickled, and no term leads out of the dataset.
package selector
