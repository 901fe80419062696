// Package spec reads what people, schedulers and files say that a job will need: which shards of which dataset, where, by when, and
// what that is worth.
//
// # Files
//
// A file holds one job, its fields at the top; or several under jobs; or several YAML documents of either. YAML, JSON (.json) and
// JSON lines (.jsonl) mean the same and are refused with the same words:
//
//	id: pretrain-7
//	dataset: c4@1a2b3c         # or dataset: c4 and snapshot: 1a2b3c; latest; without it what the source lists now
//	shards: ["train-*.tar"]    # terms of a selection; without them all
//	to: aws                    # one destination, or a list
//	need_by: 2026-12-01T08:00:00Z
//	priority: 5                # the greater goes first; 0 without it
//	value: 1000                # what having all of it is worth beside other jobs; 1 without it
//	team: language
//	keep: 30d                  # how long it must stay once it is needed
//	on_source_change: fail     # or repin
//
// # Mistakes
//
// [Parse] reports every mistake with file, line, column and field, and returns the jobs that are right all the same: of a file of a
// thousand jobs one wrong line must not stop the others. Whether names exist is not the file's to say; [Known] checks them with the
// same places. Whether a need-by is still to come depends on when one asks; [Job.Check] does.
//
// # Folders
//
// [Folder] looks at a folder again and again and tells what is new, changed and gone. Nothing is lost by a file that is being
// written: what was read of it before holds until it can be read again.
package spec
