. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --top-k 3 --json --quiet
[ "$(json out 'd["n"], d["failed"]')" = "(300, 0)" ] || fail "summary: $(cat out)"
[ "$(wc -l <o/scores.jsonl)" -eq 300 ] || fail "one record per picture"
[ -z "$(find o -name '*.part')" ] || fail "the temporary file is still there"
head -n 1 o/scores.jsonl >first
[ "$(json first 'd["index"], len(d["predictions"]), sorted(d["predictions"][0])')" = "(0, 3, ['id', 'label', 'score'])" ] ||
  fail "$(cat first)"
