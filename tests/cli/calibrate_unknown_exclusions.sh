. "$(dirname "$0")/common.sh"
expect_exit 64 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 20 --output q \
  --exclude no_such_node --exclude another_one --quiet
expect_text err "no_such_node"
expect_text err "another_one"
[ ! -e q-symbol.json ] || fail "a pair was written all the same"
expect_exit 64 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 20 --output q \
  --exclude 'no_such_*' --exclude-op Deconvolution --quiet
expect_text err "matches 'no_such_\*'"
expect_text err "'Deconvolution' \\(there are: .*Convolution"
[ ! -e q-symbol.json ] || fail "a pair was written all the same"

expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 20 --output q \
  --exclude-op Convolution --exclude-first-conv --quiet
expect_text out "[1-9][0-9]* in FP32"
