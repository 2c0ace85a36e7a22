. "$(dirname "$0")/common.sh"
calibrated int8
expect_exit 0 "$OCTET" evaluate --model int8 --against "$MODEL" --data "$DATA/pictures.rec" --json --quiet
[ "$(json out 'd["n"], d["failed"], d["against"]["n"], abs(d["against"]["top1"] - d["top1"] - d["drop"]) < 1e-6')" = "(300, 0, 300, True)" ] ||
  fail "$(cat out)"
[ "$(json out 'd["interval95"][0] < d["top1"] < d["interval95"][1]')" = True ] || fail "$(cat out)"
expect_exit 0 "$OCTET" evaluate --model int8 --data "$DATA/pictures" --folder-labels --json --quiet
[ "$(json out 'd["n"]')" = 300 ] || fail "$(cat out)"
