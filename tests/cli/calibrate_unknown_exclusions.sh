. "$(dirname "$0")/common.sh"
expect_exit 64 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 20 --output q \
  --exclude no_such_node --exclude another_one --quiet
expect_text err "no_such_node"
expect_text err "another_one"
[ ! -e q-symbol.json ] || fail "a pair was written all the same"
