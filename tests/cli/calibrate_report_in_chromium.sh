. "$(dirname "$0")/common.sh"
browser=$(command -v chromium || true)
if [ -z "$browser" ]; then
  echo "skipped: chromium is not installed"
  exit 77
fi
expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 50 --output int8 --report r.html --quiet
for size in 1280,900 390,844; do
  expect_exit 0 timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$work/profile-$size" --enable-logging=stderr --window-size="$size" \
    --screenshot="$work/$size.png" "file://$work/r.html"
  [ -s "$size.png" ] || fail "no screenshot at $size"
  if grep -E 'CONSOLE|ERR_' err; then fail "the page has errors at $size"; fi
done
