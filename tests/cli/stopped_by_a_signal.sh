. "$(dirname "$0")/common.sh"
for _ in $(seq 1000); do cat "$DATA/pictures.lst"; done >long.lst
"$OCTET" score --model "$MODEL" --data long.lst --root "$DATA" --output o --quiet >out 2>err &
for _ in $(seq 200); do [ -s o/scores.jsonl.part ] && break; sleep 0.1; done
[ -s o/scores.jsonl.part ] || fail "scoring did not begin: $(cat err)"
kill -TERM $!
code=0
wait $! || code=$?
[ "$code" -eq 75 ] || { cat err; fail "exit $code after SIGTERM"; }
[ ! -e o/scores.jsonl ] || fail "an unfinished output has its final name"
