. "$(dirname "$0")/common.sh"
require_chromium
expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 50 --output int8 --report r.html --quiet
open_in_chromium r.html
