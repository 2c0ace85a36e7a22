. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" inspect --model "$MODEL"
expect_text out "^BatchNorm +[1-9][0-9]* +0$"
expect_exit 0 "$OCTET" inspect --model "$MODEL" --json
[ "$(json out 'sum(n["op"] == "BatchNorm" for n in d["after"])')" = 0 ] || fail "BatchNorm is left after fusion"
