. "$(dirname "$0")/common.sh"
require_chromium
calibrated int8
expect_exit 0 "$OCTET" draw --model "$MODEL" --against int8 --data "$DATA/pictures.rec" --limit 8 --output o --quiet
open_in_chromium o/index.html
