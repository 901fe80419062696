// Package manifest keeps every durable fact: datasets, snapshots, where each shard's recipe is, replicas, transfers,
// the ledger and the needs that syncs were asked for. It is the only package that knows bbolt.
//
// # Files
//
// All live in one state directory, 0700, files 0600:
//
//	manifest.db        bbolt; small facts only, because one key a chunk would make 100 TB of shards an 80 GB database
//	holder.json        who holds manifest.db, for the message to whoever must wait
//	recipes/*.pack     recipes, immutable, up to 64 MiB a pack, each pack named by the BLAKE3 of its bytes
//	journal/*.jsonl    every reservation and settlement, fsynced (the folder can be elsewhere)
//	account.json       what was accounted for, here and beside the journal, for a manifest that is made anew
//	paused.json        which links are paused; a file, so that pausing needs no lock on manifest.db
//
// # Damage
//
// bbolt does not notice damaged pages, and panics or loops on some of them. So the headers, branches and free list of the
// file are read before bbolt sees it; every value carries a CRC32C over its bucket, key and bytes, checked on each read;
// snapshots know how many shards their pages have; and the records that decide about money are counted and summed, so that
// one that is gone is noticed too. What is found is [ErrCorrupt] with the page or with the bucket and key. It is never
// returned as data, and no damage ends the process. Other records may get lost to damage without a word (a replica, a part,
// what an index learned): they are found again, at the price of looking.
//
// A recipe is proven by its digest. A pack that is gone or damaged costs reading its shards again.
//
// # Spend outlives the manifest
//
// An entry goes into the journal after its transaction and before its bytes. Whoever opens the ledger is given the entries
// that the manifest does not know: all of them after manifest.db was lost and made anew, the youngest ones after a backup
// of it was put back, none otherwise. Entries name the account that counts their ids, so that several losses do not mix
// them up. What was reserved and never settled counts as spent: after a loss the account says as much as was spent or more,
// never less, as long as the lines in the journal are whole. Where the journal itself is known to have lost some, [Manifest.LostSpend] says so.
//
// # Crash safety
//
// A transaction is durable when it returns, all or nothing. Packs are durable before a transaction refers to them, and
// removed after the last one that did. [OpenDir] removes what a killed process left.
//
// # Compatibility
//
// The file states its schema version. An older file is migrated on opening, after a backup beside it; a newer one is
// refused by name. A new file is made in a folder of its own, synced, and linked to its name.
//
// # One process
//
// OpenDir takes an exclusive lock (flock) and waits for it at most [Options].Timeout; the error names the holder.
package manifest
