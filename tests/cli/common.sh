# Shared by the command-line tests: each is a short bash script, run in an empty folder of its own, that exits non-zero on
# the first thing that is not as it should be. Given by CTest: OCTET (the program), MODEL (the FP32 pair's prefix),
# DATA (a folder with pictures.rec/.idx, pictures.lst and pictures/<class>/NNNNN.jpg: the same 300 grey pictures).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "FAILED: $*" >&2; exit 1; }

# expect_exit CODE COMMAND...: runs it, output in ./out and ./err.
expect_exit() {
  local expected=$1 code=0
  shift
  "$@" >out 2>err </dev/null || code=$?
  [ "$code" -eq "$expected" ] || { cat out err >&2; fail "exit $code, expected $expected: $*"; }
}

# expect_text FILE PATTERN: an extended regular expression that some line must match.
expect_text() {
  grep -qE -- "$2" "$1" || { cat "$1" >&2; fail "$1 has no line like: $2"; }
}

# json FILE EXPRESSION: evaluates a Python expression with the parsed file as d.
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# calibrated NAME: an INT8 pair of MODEL in the work folder.
calibrated() { expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 50 --output "$1" --quiet; }

# require_chromium: skips the test, saying so, where there is none.
require_chromium() {
  command -v chromium >/dev/null && return
  echo "skipped: chromium is not installed"
  exit 77
}

# open_in_chromium PAGE: it loads at desktop and phone width without errors; screenshots in ./<width>,<height>.png.
open_in_chromium() {
  local size
  for size in 1280,900 390,844; do
    expect_exit 0 timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
      --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$work/profile-$size" \
      --enable-logging=stderr --window-size="$size" --screenshot="$work/$size.png" "file://$work/$1"
    [ -s "$size.png" ] || fail "no screenshot at $size"
    if grep -E 'CONSOLE|ERR_' err; then fail "the page has errors at $size"; fi
  done
}
