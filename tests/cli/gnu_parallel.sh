# The README's line for GNU parallel: shards side by side, then merged; a shard that is stopped goes on when it is tried again.
. "$(dirname "$0")/common.sh"
command -v parallel >/dev/null || { echo "SKIPPED: GNU parallel is not installed (package parallel)"; exit 77; }
printf '%s\n' "model = $MODEL" "data = $DATA/pictures.lst" "root = $DATA" "output = o" "samples = 60" "evaluate = no" >job.ini
sed 's/^output.*/output = whole/' job.ini >whole.ini
expect_exit 0 "$OCTET" run whole.ini --quiet
octet() { "$OCTET" "$@"; }
export OCTET
export -f octet
export PARALLEL_SHELL=/bin/bash

expect_exit 0 octet run job.ini --only calibrate
seq 4 | parallel -N0 --jobs 2 --retries 3 octet run job.ini --only score --shard auto/4 --streams 1 --quiet >out 2>err ||
  fail "parallel: $(cat out err)"
expect_exit 0 octet merge --shards o
cmp o/scores.jsonl whole/scores.jsonl || fail "the shards together are not the whole"
