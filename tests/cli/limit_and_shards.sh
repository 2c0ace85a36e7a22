. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output all --quiet
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output some --limit 17 --quiet
cmp <(head -n 17 all/scores.jsonl) some/scores.jsonl || fail "--limit"
for i in 0 1 2; do
  expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output "s$i" --shard "$i/3" --quiet
  lines=$(wc -l <"s$i/scores.jsonl")
  [ "$lines" -ge 80 ] && [ "$lines" -le 120 ] || fail "shard $i is not a third of the bytes: $lines records"
done
cmp <(sort all/scores.jsonl) <(cat s?/scores.jsonl | sort) || fail "shards together are not the whole"
