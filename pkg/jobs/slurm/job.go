package slurm

import (
	"slices"
	"time"
)

// Job is one record of the queue. Tasks of an array that have not started share one. All times are UTC, zero: unknown.
type Job struct {
	ID         uint32
	ArrayJobID uint32 // of the array that it belongs to; 0: none
	ArrayTask  int64  // its index in the array; -1: no array, or the record of all tasks that wait
	Name       string
	User       string
	Account    string
	Partition  string
	Cluster    string
	States     []string // a base state, and from v0.0.40 on flags beside it: PENDING, RUNNING, COMPLETING
	Reason     string   // why it waits: JobHeldUser, Resources
	Held       bool     // by whomever; see [Job.HeldByUser]
	Priority   int64    // Slurm's, 0: held, or not computed yet
	Start      time.Time
	Eligible   time.Time
	Submit     time.Time
	Deadline   time.Time
	TimeLimit  time.Duration // 0: none, or unknown
	Comment    string
	Extra      string // from Slurm 23.02 on
	// AdminComment is written by operators alone.
	AdminComment string
	WorkDir      string
	Dependency   string
	Nodes        string // a host list, as Slurm writes it
}

// Reasons of jobs that somebody held.
const (
	ReasonHeldUser  = "JobHeldUser"
	ReasonHeldAdmin = "JobHeldAdmin"
)

const (
	statePending    = "PENDING"
	stateCompleting = "COMPLETING"
)

// endStates are those in which a job holds nothing any more, unless it is still completing.
var endStates = []string{
	"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED",
}

// Pending tells that the job has not started.
func (j Job) Pending() bool { return slices.Contains(j.States, statePending) }

// Ended tells that the job will not run any more, and that none of its processes is left.
func (j Job) Ended() bool {
	return !slices.Contains(j.States, stateCompleting) &&
		slices.ContainsFunc(j.States, func(s string) bool { return slices.Contains(endStates, s) })
}

// HeldByUser tells that the job waits for its user, or for us in their place. Where Slurm names another
// reason beside a hold, a dependency for example, the job is not taken for held until that reason is gone.
func (j Job) HeldByUser() bool { return j.Pending() && j.Held && j.Reason == ReasonHeldUser }
