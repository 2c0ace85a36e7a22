. "$(dirname "$0")/common.sh"
first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
score_pinned() { # OUTPUT OPTIONS...
  expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --quiet --output "$@"
}
score_pinned no --streams 2 --pin no
score_pinned auto --pin auto
score_pinned yes --streams 3 --pin yes
expect_exit 0 taskset -c "$first" "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --quiet --output one --pin yes
for output in auto yes one; do cmp no/scores.jsonl $output/scores.jsonl || fail "$output: other scores"; done
expect_exit 64 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --pin perhaps
expect_text err "--pin is auto, yes or no, not 'perhaps'"
expect_exit 0 "$OCTET" bench --model "$MODEL" --seconds 0.05 --repeats 1 --json --pin yes
[ "$(json out 'all(r["executor_images_per_s"] > 0 for r in d["runs"])')" = True ] || fail "$(cat out)"
