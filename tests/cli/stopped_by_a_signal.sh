. "$(dirname "$0")/common.sh"
for _ in $(seq 1000); do cat "$DATA/pictures.lst"; done >long.lst
mkdir o
segments() { find o -name 'segment-*' -size +0 | wc -l; }
for signal in TERM INT USR1; do
  segments=$(segments)
  # bash ignores SIGINT for what it starts in the background.
  python3 -c 'import os,signal,sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
    "$OCTET" score --model "$MODEL" --data long.lst --root "$DATA" --output o --quiet --checkpoint 0.2 >out 2>err &
  begun() { [ "$(segments)" -gt "$segments" ]; }
  for _ in $(seq 400); do begun && break; sleep 0.05; done
  begun || fail "scoring did not begin: $(cat err)"
  asked=$(date +%s%N) code=0
  kill -"$signal" $!
  wait $! || code=$?
  took=$((($(date +%s%N) - asked) / 1000000))
  [ "$code" -eq 75 ] || { cat err; fail "exit $code after SIG$signal"; }
  [ "$took" -lt 2000 ] || fail "$took ms from SIG$signal to the end"
  [ ! -e o/scores.jsonl ] || fail "an unfinished output is left"
  [ -z "$(find o -name '*.part')" ] || fail "a temporary file is left"
  records=$(sed -n 's/.*"records":\([0-9]*\).*/\1/p' o/job/manifest.jsonl | awk '{ n += $1 } END { print n + 0 }')
  [ "$records" -gt "${before:-0}" ] || fail "nothing more became durable before SIG$signal: $records"
  before=$records
done
# Going on and an unbroken run end alike (the first entries alone, for speed).
head -n 3000 long.lst >short.lst
run() { exec "$OCTET" score --model "$MODEL" --data short.lst --root "$DATA" --output "$1" --quiet --checkpoint 0.05 >out 2>err; }
(run whole) || fail "$(cat err)"
(run parts) &
for _ in $(seq 400); do [ -n "$(find parts -name 'segment-*' 2>/dev/null)" ] && break; sleep 0.01; done
kill -TERM $! 2>/dev/null || true
wait $! || true
(run parts) || fail "$(cat err)"
cmp whole/scores.jsonl parts/scores.jsonl || fail "a job that went on gives something else"
