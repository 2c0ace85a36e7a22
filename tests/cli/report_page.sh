. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --quiet
expect_exit 0 "$OCTET" report --output o --json
[ "$(json out 'd["n"], d["failed"], d["pictures"], d["page"]')" = "(300, 0, 0, 'o/report.html')" ] || fail "$(cat out)"
expect_exit 0 "$OCTET" report --output o --data "$DATA/pictures.rec" --pictures 12
expect_text out '^300 records, 0 failed, 12 pictures shown$'
[ "$(grep -o 'data:image/jpeg' o/report.html | wc -l)" -eq 12 ] || fail "twelve pictures"
expect_exit 64 "$OCTET" report --output o --data "$DATA/pictures"
expect_text err "is not what was scored: entry 0 is '"
expect_exit 66 "$OCTET" report --output absent
expect_text err 'absent/scores.jsonl'

browser=$(command -v chromium || true)
if [ -z "$browser" ]; then
  echo "chromium is not installed: the page was not opened"
  exit 0
fi
for size in 1280,900 390,844; do
  expect_exit 0 timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$work/profile-$size" --enable-logging=stderr --window-size="$size" \
    --screenshot="$work/$size.png" "file://$work/o/report.html"
  [ -s "$size.png" ] || fail "no screenshot at $size"
  if grep -E 'CONSOLE|ERR_' err; then fail "the page has errors at $size"; fi
done
