// Package plan decides, shard by shard, the cheapest way to have it at a destination, and says what that costs before
// anything moves.
//
//	have     the destination key holds this digest, written or adopted by us, under the ETag we remember
//	adopt    it holds an object that we did not write, of equal size and equal full checksum: taken over, no byte moves
//	read     it holds one of equal size whose checksum the store does not tell: read back and compared, when allowed
//	copy     the destination store holds the digest under another key: copied on the server
//	assemble the destination holds some of its chunks, inside any objects: ranges of those are copied on the server, and only
//	         the rest crosses
//	full     the bytes come from the source
//	refused  an object that we did not write stands in the way; nothing touches it without being told to
//	missing  the source no longer has what the snapshot names, and the destination does not hold it
//	blocked  a live pin needs what the key holds; it is not replaced before the pin ends
//
// # What is looked at
//
// The manifest answers for every key that it knows. Only keys without a record are looked at in the destination (one by
// one when they are few, by a listing otherwise), or all of them when the caller asks to check.
package plan
