// Package parts decides into which parts a shard is put together at a destination that already holds some of its chunks.
//
// A part is either sent (its bytes come from the source) or copied (a range of an object that the destination holds, which
// the service copies by itself). Backends have rules: S3 takes no part under 5 MiB but the last, Azure has 50,000 blocks, a
// file has none. Those rules are data ([Limits]), prices are data ([Prices]), and one algorithm turns them and the chunks
// into the cheapest list of parts. Every part is a run of whole chunks, so that what is read can be proven by the chunks'
// digests, and nothing is read that is not sent.
//
// # The algorithm
//
// Dynamic programming over the boundaries between chunks: the cheapest way to cover the first i chunks ends in one part,
// sent or copied, that starts at some earlier boundary j. A sent part costs a price that is linear in its bytes, a copied
// one a fixed price, so that the best j of each kind is the minimum over a sliding window, kept in a monotone queue: linear
// in the number of chunks and of places where they are held. Where the list would have more parts than the service takes,
// each part is given a surcharge, raised by bisection until the list is short enough.
package parts
