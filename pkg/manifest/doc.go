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
//	paused.json        which links are paused; a file, so that pausing needs no lock on manifest.db
//
// # Damage
//
// bbolt does not notice damaged pages, so every value carries a CRC32C over its bucket, key and bytes, checked on each
// read. A mismatch is [ErrCorrupt] with the bucket and key; it is never returned as data.
//
// # Compatibility
//
// The file states its schema version. An older file is migrated on opening, after a backup beside it; a newer one is
// refused by name. A new file is made under a temporary name, synced, and renamed.
//
// # One process
//
// Open takes an exclusive lock and waits for it at most [Options].Timeout; the error names the holder.
package manifest
