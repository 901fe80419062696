// Package emulator starts the real servers that stand in for the clouds: Azurite for Azure Blob, versitygw for S3 and
// fake-gcs-server for GCS; and a Slurm of one node, for the scheduler. Tests, the demo and the benchmarks all start them here, so that a version, a port or a flag is
// written down once.
//
// # What is promised
//
// Every server runs at the version pinned in this package, listens on 127.0.0.1 alone, on a free port, and dies with the
// process that started it, however that one ends (on Linux). A Start function returns only when the server answers, or
// with the end of the server's log.
//
// # Where the programs are
//
// [Ensure] builds what is missing into a cache folder: $DATAGRAVITY_CACHE, else .cache in the module's root. Two processes
// may call it at once.
//
// Slurm is not built but installed, from Debian's packages: [StartSlurm] says which are missing. It runs as root only, on 127.0.0.1, with a
// munged of its own, and knows nothing of a Slurm that the machine may be part of.
//
// # Where the servers differ from the services
//
// Azurite keeps no versions, has no soft delete and no limit of 50,000 blocks. versitygw returns a wrong CRC64NVME for a
// part copied by range, and may reset the connection where S3 answers 412 to a large body. fake-gcs-server ignores
// preconditions on reads, deletes, compose and rewrite. What they cannot show, a test has to show against a strict double
// or a live bucket.
package emulator
