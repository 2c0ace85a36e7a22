. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --quiet
expect_exit 0 "$OCTET" report --output o --json
[ "$(json out 'd["n"], d["failed"], d["pictures"], d["page"]')" = "(300, 0, 0, 'o/report.html')" ] || fail "$(cat out)"
expect_exit 0 "$OCTET" report --output o --data "$DATA/pictures.rec" --pictures 12
expect_text out '^300 records, 0 failed, 12 pictures shown$'
[ "$(grep -o 'data:image/jpeg' o/report.html | wc -l)" -eq 12 ] || fail "twelve pictures"
expect_exit 64 "$OCTET" report --output o --data "$DATA/pictures"
expect_text err "is not what was scored: entry 0 is '"
expect_exit 66 "$OCTET" report --output absent
expect_text err 'absent/scores.jsonl'
