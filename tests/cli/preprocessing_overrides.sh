. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output a --limit 5 --quiet
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output b --limit 5 --mean 10 --quiet
cmp -s a/scores.jsonl b/scores.jsonl && fail "--mean changed nothing"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output c --limit 5 --resize warp --quiet
cmp a/scores.jsonl c/scores.jsonl || fail "a picture that fits already must not change by --resize warp"
expect_exit 78 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output d --shape 3,28,28 --quiet
for shape in 1,28.5,28 nan,28,28 1,1e30,28 -1,28,28; do
  expect_exit 64 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output e --shape "$shape" --quiet
  expect_text err "--shape takes three whole numbers"
done
# A symbol past a limit is an invalid model, not a bad picture.
mkdir -p deep
cp "$MODEL-0000.params" deep/net-0000.params
printf '%.0s[' $(seq 5000) >deep/net-symbol.json
expect_exit 78 "$OCTET" inspect --model deep/net
expect_text err "net-symbol.json:[0-9]+: JSON is nested deeper than"
# Letterbox: a picture that fits is the same; a wide one is not stretched; the level around it counts.
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output l --limit 5 --resize letterbox --quiet
cmp a/scores.jsonl l/scores.jsonl || fail "a picture that fits already must not change by --resize letterbox"
for level in 0 255; do
  expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output "l$level" --limit 5 --shape 1,28,40 \
    --resize letterbox --fill "$level" --quiet
done
cmp -s l0/scores.jsonl l255/scores.jsonl && fail "--fill changed nothing"
expect_exit 78 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output m --fill 3 --quiet
expect_text err "'fill' is for resize 'letterbox'"
