. "$(dirname "$0")/common.sh"
calibrated int8
[ -s int8-symbol.json ] && [ -s int8-0000.params ] || fail "the pair is missing"
fp32=$(stat -c %s "$MODEL-0000.params")
int8=$(stat -c %s int8-0000.params)
[ $((int8 * 3)) -lt "$fp32" ] || fail "INT8 parameters take $int8 bytes, FP32 $fp32: weights are not stored as int8"
expect_exit 0 "$OCTET" inspect --model int8
expect_text out "s8|u8"
