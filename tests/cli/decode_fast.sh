. "$(dirname "$0")/common.sh"
# Pictures four times as large as the network's input are scaled while they are decoded, if that is asked for.
expect_exit 0 "$OCTET" pack --data "$DATA/pictures.rec" --output large.rec --resize 112 --limit 60 --quiet
run() { expect_exit "$1" "$OCTET" score --model "$MODEL" --data large.rec --resize warp --quiet --output "${@:2}"; }
run 0 exact
run 0 same --decode exact
run 0 fast --decode fast
cmp exact/scores.jsonl same/scores.jsonl || fail "exact is not the default"
cmp -s exact/scores.jsonl fast/scores.jsonl && fail "--decode fast changed nothing"
for streams in 1 3; do
  run 0 "fast$streams" --decode fast --streams "$streams" --batch "$streams"
  cmp fast/scores.jsonl "fast$streams/scores.jsonl" || fail "scores of --decode fast depend on the number of workers"
done
# Most pictures keep their class.
python3 - <<'END'
import json
best = lambda d: [json.loads(line)["predictions"][0]["id"] for line in open(d + "/scores.jsonl")]
same = sum(a == b for a, b in zip(best("exact"), best("fast"), strict=True))
assert same >= 50, same
END
run 78 exact --decode fast
expect_text err "decoding"
run 64 other --decode slow
expect_text err "exact or fast"
