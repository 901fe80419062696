package declaration

// prefix of all that is ours in a cluster.
const prefix = "datagravity.dev/"

// Annotations of a pod template that say what its pods need.
const (
	Dataset     = prefix + "dataset"
	Shards      = prefix + "shards"
	Destination = prefix + "destination"
	NeedBy      = prefix + "need-by"
	Priority    = prefix + "priority"
)

// Annotations that pods have once their data is there, for [k8s.io/api/core/v1.EnvVar] with a fieldRef, or the downward API's files.
const (
	// Snapshot is the digest of the listing that is there.
	Snapshot = prefix + "snapshot"
	// URL of the folder that the shards are in, as loaders write it; with several destinations the first.
	URL = prefix + "url"
)

const (
	// Release as a label, "true", of a Job, RayJob or Pod without Kueue: it is released when its data is there.
	Release = prefix + "release"
	// Gate is the scheduling gate of pods that wait for their data.
	Gate = prefix + "data"
	// Released is an annotation of a Job or RayJob with when it was released. Who suspends it later means it.
	Released = prefix + "released"
)

// fields are the names that jobs have for what annotations say.
var fields = []struct{ annotation, field string }{
	{Dataset, "dataset"}, {Shards, "shards"}, {Destination, "to"}, {NeedBy, "need_by"}, {Priority, "priority"},
}

// ours are written by the controller, and mean nothing when they are read.
var ours = []string{Snapshot, URL, Release, Released}
