. "$(dirname "$0")/common.sh"
score() { "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --quiet "$@"; }
expect_exit 0 score --output whole
# Three tasks of an array, in any order, into one folder.
for sequence in 3 1 2; do
  PARALLEL_SEQ=$sequence expect_exit 0 score --output job --shard auto/3
done
expect_exit 0 "$OCTET" merge --shards job --json
[ "$(json out 'd["n"], d["failed"]')" = "(300, 0)" ] || fail "$(cat out)"
cmp whole/scores.jsonl job/scores.jsonl || fail "merged is not the whole"
[ "$(json job/report.json 'len(d["shards"]), sum(s["n"] for s in d["shards"])')" = "(3, 300)" ] || fail "report"
expect_exit 64 score --output job --shard auto
expect_text err "finds no array task"
rm -r job/shard-00001-of-00003
expect_exit 78 "$OCTET" merge --shards job --output again
expect_text err "shard 1/3 is missing"
[ ! -e again/scores.jsonl ] || fail "an incomplete job was merged"
expect_exit 0 score --output a --shard 0/2
expect_exit 78 score --output a --shard 1/2
expect_text err "shard is 1/2, not 0/2"
expect_exit 0 score --output b --shard 1/2
expect_exit 0 "$OCTET" merge --shards a b --output ab
cmp whole/scores.jsonl ab/scores.jsonl || fail "shards in folders of their own"
expect_exit 78 score --output whole --top-k 2
expect_text err "top_k is '2', not '5'"
expect_exit 0 score --output whole --top-k 2 --resume=no
expect_exit 66 score --output fresh --resume
