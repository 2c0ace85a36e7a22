. "$(dirname "$0")/common.sh"
for _ in $(seq 1000); do cat "$DATA/pictures.lst"; done >long.lst
"$OCTET" score --model "$MODEL" --data long.lst --root "$DATA" --output o --quiet >out 2>err &
begun() { [ -d o ] && [ -n "$(find o -name 'scores.jsonl.*.part' -size +0)" ]; }
for _ in $(seq 200); do begun && break; sleep 0.1; done
begun || fail "scoring did not begin: $(cat err)"
kill -TERM $!
code=0
wait $! || code=$?
[ "$code" -eq 75 ] || { cat err; fail "exit $code after SIGTERM"; }
[ -z "$(ls -A o)" ] || fail "an unfinished output is left: $(ls -A o)"
