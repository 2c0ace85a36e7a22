# Every open, write, fsync, close and rename of a scoring job fails in turn: the exit code tells why, nothing torn has a
# final name, and the same command then finishes the job.
. "$(dirname "$0")/common.sh"
[ -n "${FAIL_FILE_CALL:-}" ] || { echo "skipped: a sanitizer's runtime must come before what is preloaded"; exit 77; }
run() { # FOLDER FAULT
  code=0
  OCTET_TEST_FAULT="$2" OCTET_TEST_FOLDER="$work/$1" OCTET_TEST_COUNTS="$work/counts" LD_PRELOAD=$FAIL_FILE_CALL \
    "$OCTET" score --model "$MODEL" --data "$DATA/pictures.lst" --root "$DATA" --limit 60 --output "$work/$1" --streams 1 \
    --batch 4 --checkpoint 0.01 --quiet >out 2>err || code=$?
}
count() { sed -n "s/^$1 //p" counts; }
run whole ""
[ "$code" -eq 0 ] || fail "exit $code: $(cat err)"
declare -A calls
for call in open write fsync close rename; do
  calls[$call]=$(count $call)
  [ "${calls[$call]}" -gt 2 ] || fail "only ${calls[$call]} calls of $call"
done
tried=0
try() { # CALL AT ERRNO CODE
  rm -rf parts
  run parts "$1 $2 $3"
  [ "$(count fired)" -eq 1 ] || return 0 # how many calls there are depends on time
  tried=$((tried + 1))
  [ "$code" -eq "$4" ] || fail "$1 call $2, error $3: exit $code in place of $4: $(cat err)"
  grep -q "$work/parts" err || fail "$1 call $2, error $3: the message names no file: $(cat err)"
  [ ! -e parts/scores.jsonl ] || cmp whole/scores.jsonl parts/scores.jsonl || fail "$1 call $2: a torn file has the final name"
  run parts ""
  [ "$code" -eq 0 ] || fail "after $1 call $2, error $3: exit $code: $(cat err)"
  cmp whole/scores.jsonl parts/scores.jsonl || fail "after $1 call $2, error $3: differs"
}
for call in open write fsync close rename; do
  for at in $(seq 0 $((calls[$call] - 1))); do
    try $call "$at" 28 73
    try $call "$at" 5 74
    [ $call != write ] || try $call "$at" short 73
  done
done
[ "$tried" -ge 60 ] || fail "only $tried calls were made to fail"
echo "$tried failing calls"
