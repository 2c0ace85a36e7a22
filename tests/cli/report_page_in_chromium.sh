. "$(dirname "$0")/common.sh"
require_chromium
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --quiet
expect_exit 0 "$OCTET" report --output o --data "$DATA/pictures.rec" --pictures 12
open_in_chromium o/report.html
