// Package sync runs the main job from top to bottom:
//
//	list -> index -> snapshot        pkg/sync/index
//	need - replicas -> plan          pkg/sync/plan
//	plan -> transfers -> replicas    pkg/sync/engine
//	replicas -> ready                pkg/jobs
//
// An arrow never goes back up: a lower step that learns that a higher one was wrong (an ETag changed, a replica is gone)
// records the fact in the manifest, and the next round starts from the top. [Syncer.Sync] makes up to three rounds.
//
// Outside this tree it is imported as dgsync, because it shadows the standard package.
package sync
