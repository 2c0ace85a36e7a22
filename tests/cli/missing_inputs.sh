. "$(dirname "$0")/common.sh"
expect_exit 66 "$OCTET" score --model nowhere/net --data "$DATA/pictures.rec" --output o
expect_text err "nowhere/net"
expect_exit 66 "$OCTET" score --model "$MODEL" --data nowhere.rec --output o
expect_text err "nowhere.rec"
expect_exit 66 "$OCTET" score --model "$MODEL" --epoch 7 --data "$DATA/pictures.rec" --output o
mkdir empty
expect_exit 66 "$OCTET" score --model "$MODEL" --data empty --output o
