. "$(dirname "$0")/common.sh"
mkfifo pictures.lst
"$OCTET" score --model "$MODEL" --data pictures.lst --root "$DATA" --output o --quiet >out 2>err &
exec 3>pictures.lst
cat "$DATA/pictures.lst" >&3
sleep 1
kill -TERM $!
exec 3>&-
code=0
wait $! || code=$?
[ "$code" -eq 75 ] || { cat err; fail "exit $code after SIGTERM"; }
[ ! -e o/scores.jsonl ] || fail "an unfinished output has its final name"
