. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output a --limit 5 --quiet
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output b --limit 5 --mean 10 --quiet
cmp -s a/scores.jsonl b/scores.jsonl && fail "--mean changed nothing"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output c --limit 5 --resize warp --quiet
cmp a/scores.jsonl c/scores.jsonl || fail "a picture that fits already must not change by --resize warp"
expect_exit 78 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output d --shape 3,28,28 --quiet
