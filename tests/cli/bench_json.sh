. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" bench --model "$MODEL" --data "$DATA/pictures.rec" --streams 1 --seconds 0.2 --json
[ "$(json out 'sorted({r["precision"] for r in d["runs"]})')" = "['f32', 'f32-unfused', 'int8']" ] || fail "$(cat out)"
[ "$(json out 'all(r["executor_images_per_s"] > 0 for r in d["runs"]) and len(d["isa"]) > 2')" = True ] || fail "$(cat out)"
