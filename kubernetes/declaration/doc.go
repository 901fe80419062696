// Package declaration reads what the annotations of a pod template say that its pods need:
//
//	datagravity.dev/dataset: c4@1a2b3c          # a name of the daemon's configuration; @latest, or nothing: what the source lists now
//	datagravity.dev/shards: train-*.tar         # terms of a selection, one a line; without it all shards
//	datagravity.dev/destination: lab            # a name of the configuration, or several with commas
//	datagravity.dev/need-by: +4h                # since the object was made, or a point in time; nothing: nobody knows
//	datagravity.dev/priority: "5"               # the greater goes first; 0 without it
//
// It knows no cluster: what comes in are annotations, what goes out are jobs of the daemon, or every mistake with its annotation's name.
package declaration
