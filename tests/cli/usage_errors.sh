. "$(dirname "$0")/common.sh"
expect_exit 64 "$OCTET"
expect_exit 64 "$OCTET" scroe
expect_text err "no command 'scroe'"
expect_exit 64 "$OCTET" score --modle x
expect_text err "modle"
expect_exit 64 "$OCTET" score --data "$DATA/pictures.rec" --output o
expect_text err "--model is missing"
expect_exit 64 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --mean 1,two
expect_text err "--mean takes numbers"
expect_exit 64 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --mod "$MODEL"
