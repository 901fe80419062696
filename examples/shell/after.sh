#!/bin/sh
# Trains with a program that takes what it reads as an argument: after.sh JOB COMMAND
set -eu

job=$1

# 0: ready. 75: not yet, come again. Anything else: it will not be ready by itself, and standard output says why.
code=0
datagravity ready --job "$job" || code=$?
case $code in
0) ;;
75) echo "come again later" >&2; exit 75 ;;
*) exit "$code" ;;
esac

# The variables that exec would give: DATAGRAVITY_URL and its like.
eval "$(datagravity resolve --job "$job" --format env)"
echo "reading $DATAGRAVITY_DATASET under $DATAGRAVITY_URL" >&2

# One argument for WebDataset: prefix{000000..000511}.tar
exec "$2" "$(datagravity resolve --job "$job" --format wds)"
