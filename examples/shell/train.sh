#!/bin/sh
# Declares what a run needs, waits for it, and trains: train.sh JOB COMMAND [ARGUMENTS]
# Run again with the same JOB it declares the same, and goes on where it was.
set -eu

job=$1
shift

# Returns at once. From here on the shards are brought, and the terms of the selection are checked.
datagravity stage c4 --to aws --job "$job" --shards 'train-*.tar' --keep 7d

# Waits, and becomes the command. It is not run unless every shard is there and proven.
exec datagravity exec --job "$job" --timeout 12h -- "$@"
