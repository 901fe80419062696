// Package slurm knows which Slurm jobs want data, holds them until it is there, and releases them. It speaks to Slurm through
// squeue and scontrol alone, as the user that runs it, and needs no rights that this user does not have.
//
// # What a job says
//
// A job declares what it needs in its comment (sbatch --comment), in its extra field (--extra), or in #BB_LUA lines of its script:
//
//	datagravity: dataset=c4@latest to=aws shards=range:0-511 priority=3
//	datagravity=dataset=c4@latest;to=aws;shards=range:0-511
//	#BB_LUA datagravity dataset=c4@latest to=aws
//
// [ParseDeclaration] and [Directives] read them. What the values mean is decided by whoever registers the job.
//
// # What is promised
//
// A job is released only when it is ready, and only if its user held it: a hold by an administrator is never lifted
// ([Decide]). What the user wrote in the comment stays, byte for byte; the reason of a hold stands behind it. Asked again
// about the same state, nothing is written again.
//
// # Compatibility
//
// The JSON of squeue changed with every version of Slurm. What is read here has had the same names since 22.05 (OpenAPI
// v0.0.38); numbers and states come in two shapes each, and both are taken. A field of a shape not known counts as not
// set, so that one of them does not hide a queue.
package slurm
