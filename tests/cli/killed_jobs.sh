# KILLS (default 20) times a job is killed at a random moment and run again; whenever it gets through, its files must be
# those of an unbroken one.
. "$(dirname "$0")/common.sh"
kills=${KILLS:-20}
for _ in $(seq 30); do cat "$DATA/pictures.lst"; echo "no line of a list"; done >long.lst
run() {
  exec "$OCTET" score --model "$MODEL" --data long.lst --root "$DATA" --output "$1" --quiet --checkpoint 0.1 --streams 2
}
begin=$(date +%s%N)
(run whole) >out 2>err || fail "$(cat err)"
whole_ms=$((($(date +%s%N) - begin) / 1000000))
RANDOM=${SEED:-$$}
echo "seed ${SEED:-$$}, the unbroken run took $whole_ms ms"
done_kills=0 finished=0 calls=0
while [ "$done_kills" -lt "$kills" ]; do
  calls=$((calls + 1))
  [ "$calls" -lt $((kills * 5)) ] || fail "only $done_kills kills in $calls calls"
  (run parts) >out 2>err &
  ms=$((RANDOM % (whole_ms * 6 / 10) + 20))
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  kill -KILL $! 2>/dev/null || true
  code=0
  wait $! 2>/dev/null || code=$?
  if [ "$code" -eq 137 ]; then
    done_kills=$((done_kills + 1))
    [ ! -e parts/scores.jsonl ] || cmp whole/scores.jsonl parts/scores.jsonl || fail "a torn file has the final name"
    continue
  fi
  [ "$code" -eq 0 ] || fail "exit $code: $(cat err)"
  finished=$((finished + 1))
  cmp whole/scores.jsonl parts/scores.jsonl || fail "differs: $(diff whole/scores.jsonl parts/scores.jsonl)"
  cmp whole/quarantine.jsonl parts/quarantine.jsonl || fail "quarantine differs"
  rm -r parts
done
(run parts) >out 2>err || fail "$(cat err)"
cmp whole/scores.jsonl parts/scores.jsonl || fail "differs after the last kill: $(diff whole/scores.jsonl parts/scores.jsonl)"
cmp whole/quarantine.jsonl parts/quarantine.jsonl || fail "quarantine differs after the last kill"
echo "$done_kills kills in $calls calls, $finished of which got through"
