# A picture that crashes the process that decodes it, or hangs in it, is quarantined the third time.
. "$(dirname "$0")/common.sh"
[ -n "${CRASH_ON_PICTURE:-}" ] || { echo "not in a build with sanitizers"; exit 77; }
ulimit -c 0
mkdir mixed
mapfile -t pictures < <(find "$DATA/pictures" -name '*.jpg' | sort)
for i in $(seq 0 199); do cp "${pictures[$i]}" "mixed/$(printf '%03d' "$i").jpg"; done
python3 - <<'PY'
picture = bytearray(open("mixed/137.jpg", "rb").read())
at = next(i for i in range(len(picture) - 1) if picture[i] == 0xFF and picture[i + 1] in (0xC0, 0xC1, 0xC2))
picture[at + 5 : at + 9] = bytes([0, 61, 0, 61])
open("mixed/137.jpg", "wb").write(picture)
PY
score() { LD_PRELOAD=$CRASH_ON_PICTURE "$OCTET" score --model "$MODEL" --data mixed --output "$1" --quiet --streams 2; }
in_background() { LD_PRELOAD=$CRASH_ON_PICTURE exec "$OCTET" score --model "$MODEL" --data mixed --output "$1" --quiet --streams 2; }
check() {
  [ "$(wc -l <"$1/scores.jsonl")" -eq 200 ] || fail "200 records"
  [ "$(wc -l <"$1/quarantine.jsonl")" -eq 1 ] || fail "one picture in quarantine: $(cat "$1/quarantine.jsonl")"
  expect_text "$1/quarantine.jsonl" '"key":"137.jpg".*ended while it was decoded'
  [ ! -e "$1/job/in-flight" ] || fail "in-flight is left"
}
expect_exit 139 score crash
expect_exit 139 score crash
expect_exit 0 score crash
check crash
export OCTET_TEST_HANG=1
for attempt in 1 2; do
  (in_background hang) >out 2>err &
  process=$!
  sleep 2.5
  if [ "$attempt" -eq 1 ]; then
    kill -KILL "$process"
    wait "$process" 2>/dev/null || true
  else
    # Asked to end, a process that hangs does so in time.
    begin=$(date +%s%N) code=0
    kill -TERM "$process"
    wait "$process" || code=$?
    [ "$code" -eq 75 ] || fail "exit $code of a process that hangs"
    [ $((($(date +%s%N) - begin) / 1000000)) -lt 2000 ] || fail "it took more than 2 s"
  fi
done
expect_exit 0 score hang
check hang
