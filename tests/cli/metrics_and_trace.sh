. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --streams 2 --json --quiet \
  --metrics octet.prom --trace trace.json
[ "$(json out 'd["threads"], 0 < d["busy_share"]["compute"] <= 1, sum(d["busy_share"].values()) <= 1.01')" = "(2, True, True)" ] ||
  fail "busy: $(cat out)"
expect_text octet.prom '^octet_images_total\{stage="score"\} 300$'
expect_text octet.prom '^octet_stage_finished\{stage="score"\} 1$'
[ "$(json trace.json 'sum(e["args"]["images"] for e in d["traceEvents"] if e["name"] == "decode")')" = 300 ] || fail "a decode span each"
[ "$(json trace.json 'sum(e["args"]["images"] for e in d["traceEvents"] if e["name"] == "compute")')" = 300 ] || fail "computed once"
[ -z "$(find . -name '*.part')" ] || fail "a temporary file is still there"
expect_exit 73 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output p --quiet --metrics absent/octet.prom
expect_text err 'absent/octet.prom'
