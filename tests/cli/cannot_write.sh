. "$(dirname "$0")/common.sh"
echo in the way >o
expect_exit 73 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --quiet
expect_exit 73 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 20 --output o/q --quiet
