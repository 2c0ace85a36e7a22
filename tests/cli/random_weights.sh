. "$(dirname "$0")/common.sh"
cp "$MODEL-symbol.json" net-symbol.json
expect_exit 0 "$OCTET" inspect --symbol net-symbol.json --random-weights --shape 1,28,28 --json
[ "$(json out 'd["model"], sum(n["op"] == "BatchNorm" for n in d["after"])')" = "('net', 0)" ] || fail "$(cat out)"
expect_exit 0 "$OCTET" bench --symbol net-symbol.json --random-weights --seed 3 --shape 1,28,28 --streams 1 \
  --repeats 1 --seconds 0.02 --json
[ "$(json out '[r["precision"] for r in d["runs"]]')" = "['f32-unfused', 'f32', 'int8']" ] || fail "$(cat out)"
expect_exit 64 "$OCTET" bench --symbol net-symbol.json
expect_text err "add --random-weights"
expect_exit 64 "$OCTET" bench --random-weights --model "$MODEL"
expect_text err "is for a --symbol"
expect_exit 64 "$OCTET" inspect --symbol net-symbol.json --random-weights --model "$MODEL"
expect_text err "exclude each other"
expect_exit 66 "$OCTET" inspect --symbol absent-symbol.json --random-weights
