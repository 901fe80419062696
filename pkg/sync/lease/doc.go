// Package lease keeps two agents that know nothing of each other from bringing the same shards to the same place: the second finds that somebody is at
// it, and who.
//
// # What it is for
//
// A lease only saves money. No object store can fence a process that slept through its lease; that two writers never mix is the work of the
// condition on every final write. So whatever goes wrong here costs at most what is read twice.
//
// # How it works
//
//	list the leases of the store     somebody else's over the same keys: refused, see [HeldError]
//	write one's own                  if nothing stands there, or what stands there is over
//	list once more                   somebody wrote one over other, overlapping keys at the same moment: both take theirs back
//	write it anew every third        under the ETag of the write before
//	remove it                        when nobody here has needed it for a moment
//
// A lease names the prefix that it is for. Two prefixes conflict if one begins with the other.
//
// # When it is over
//
// Clocks of two machines are never compared. A lease is over when its ETag has not changed for its length, by the own clock, which no one sets, of
// whoever looks. So who finds a lease must look for as long as it is long before it may be taken. What was seen is kept in memory.
//
// A lease of the same manifest in the same place is one's own, whatever process wrote it: whoever holds the manifest's lock knows that the other
// process is gone.
package lease
